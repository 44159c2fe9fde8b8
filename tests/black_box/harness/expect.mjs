// What a test may say about a call.
import assert from 'node:assert/strict';
import { RpcFailure } from './rpc.mjs';

// Awaits `call` and checks that it fails in the given way: the gRPC code, the reason (or one of several)
// and facts of the ErrorInfo. Returns the failure.
export async function fails(call, { code, reason, facts = {}, retry }) {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    assert.equal(error.code, code, error.message);
    assert.ok([reason].flat().includes(error.reason), `expected ${reason}: ${error.message}`);
    assert.equal(error.domain, 'tokenbroker', error.message);
    for (const [name, value] of Object.entries(facts)) assert.equal(error.facts[name], value, error.message);
    if (retry !== undefined) assert.equal(Boolean(error.retryInfo), retry, error.message);
    return error;
  }
  const names = Object.keys(answer);
  assert.fail(`succeeded, with ${names}, where ${code} ${reason} was expected`);
}

// The classes of cases, by contract and name.
export const ARG = (reason) => ({ code: 'INVALID_ARGUMENT', reason });
export const PROTO = (check) => ({
  code: 'INTERNAL',
  reason: 'PROVIDER_RESPONSE_INVALID',
  facts: check ? { check } : {},
});
export const UP = { code: 'UNAVAILABLE', reason: 'PROVIDER_UNAVAILABLE', retry: true };
export const RELOGIN = { code: 'FAILED_PRECONDITION', reason: 'REAUTHORIZATION_REQUIRED' };
export const STATE_UNKNOWN = { code: 'NOT_FOUND', reason: 'STATE_UNKNOWN' };
export const BINDING = { code: 'PERMISSION_DENIED', reason: 'BROWSER_BINDING_MISMATCH' };
export const DENIED = (facts) => ({ code: 'PERMISSION_DENIED', reason: 'PROVIDER_DENIED', facts });
export const REJECTED = { code: 'INTERNAL', reason: 'PROVIDER_REJECTED_CLIENT' };
export const MISCONFIGURED = { code: 'INTERNAL', reason: 'PROVIDER_MISCONFIGURED' };
export const LIMITED = { code: 'RESOURCE_EXHAUSTED', reason: 'PROVIDER_RATE_LIMITED', retry: true };
