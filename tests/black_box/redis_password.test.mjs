// How the broker gets into Redis, and what it says about what it finds there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { redisStore } from './harness/broker.mjs';
import { Child, eventually, scratchFolder } from './harness/child.mjs';
import { HostileWorld } from './harness/hostile_world.mjs';
import { secret } from './harness/secrets.mjs';

describe('a Redis with a password and a Unix socket', () => {
  it('a password that is rotated in its file needs no restart, and settings that risk grants are warned of', async () => {
    const folder = scratchFolder();
    const [socket, file] = [join(folder, 'redis.sock'), join(folder, 'password')];
    const [old, rotated] = [
      secret('Redis password', `old-${randomBytes(16).toString('hex')}`),
      secret('Redis password', `new-${randomBytes(16).toString('hex')}`),
    ];
    const redis = new Child('redis-server', ['--port', '0', '--unixsocket', socket, '--requirepass', old, '--save', '',
      '--maxmemory-policy', 'allkeys-lru', '--dir', folder]);
    const cli = (password, ...words) => execFileSync('redis-cli', ['-s', socket, ...words], { env: { ...process.env, REDISCLI_AUTH: password } });
    await redis.until(() => existsSync(socket), 'the socket is there');
    writeFileSync(file, `${old}\n`);
    const config = redisStore(0, { address: `unix:${socket}`, password: { file } });
    const world = await HostileWorld.start({ size: 2, config });
    await eventually(() => world.broker.output.includes('settings risk'), 'the warning');
    await eventually(() => world.broker.output.includes('nothing is written to disk'), 'the second warning');
    assert.match(world.broker.output, /maxmemory-policy is allkeys-lru: an evicted grant is a lost sign-in; set noeviction/);
    const first = world.newCase();
    await first.run('code id_token');

    cli(old, 'CONFIG', 'SET', 'requirepass', rotated);
    cli(rotated, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const refused = await world.newCase().begin().catch((error) => error);
    assert.deepEqual([refused.code, refused.reason], ['UNAVAILABLE', 'STORE_UNAVAILABLE']);
    writeFileSync(file, rotated);
    await eventually(() => first.another().run('code id_token'), 'the broker is let in again');
    await world.stop();
    await redis.stop('SIGKILL');
  });
});
