// Token Broker as an object with one promise-returning method for each RPC.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTOS = fileURLToPath(new URL('../../../proto', import.meta.url));

// Connects to `address` ("127.0.0.1:50051", "unix:/run/token-broker.sock"). Over a network, give
// `credentials` made with grpc.credentials.createSsl() and a client certificate. A call fails with a
// grpc.ServiceError when the broker says no, and after five seconds when it says nothing.
export function connect(address, credentials = grpc.credentials.createInsecure()) {
  const definition = loadSync('tokenbroker/v1/token_broker.proto', {
    includeDirs: [PROTOS],
    keepCase: true,
    longs: String,
    enums: String,
  });
  const { TokenBroker } = grpc.loadPackageDefinition(definition).tokenbroker.v1;
  const stub = new TokenBroker(address, credentials);
  const unary = (name) => (request) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + 5000;
      stub[name](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  return {
    createAuthorizationUrl: unary('CreateAuthorizationUrl'),
    submitCallback: unary('SubmitCallback'),
    getAccessToken: unary('GetAccessToken'),
    revokeGrant: unary('RevokeGrant'),
  };
}

// A google.protobuf.Struct, as proto-loader gives it, as a plain object.
export function plain(struct) {
  const value = (v) => {
    if (v.structValue) return plain(v.structValue);
    if (v.listValue) return v.listValue.values.map(value);
    return v.stringValue ?? v.numberValue ?? v.boolValue ?? null;
  };
  const fields = Object.entries(struct?.fields ?? {});
  return Object.fromEntries(fields.map(([name, v]) => [name, value(v)]));
}
