// grpc.health.v1.Health, as a probe asks it.
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`syntax = "proto3";
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }`);
const request = root.lookupType('HealthCheckRequest');
const response = root.lookupType('HealthCheckResponse');

export class Health {
  constructor(address) { this.client = new grpc.Client(address, grpc.credentials.createInsecure()); }

  // Whether `service` is SERVING; '' is the whole server.
  isServing(service = '') {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest('/grpc.health.v1.Health/Check', (value) => Buffer.from(request.encode(value).finish()),
        (bytes) => response.decode(bytes), { service }, { deadline: Date.now() + 5000 },
        (error, answer) => (error ? reject(error) : resolve(answer.status === 1)));
    });
  }

  close() { this.client.close(); }
}
