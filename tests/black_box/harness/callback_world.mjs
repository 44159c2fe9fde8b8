// Sign-ins whose authorization response is changed on its way.
import assert from 'node:assert/strict';
import { fails } from './expect.mjs';
import { HostileWorld } from './hostile_world.mjs';

// Changes to a list of [name, value] pairs.
export const put = (name, value) => (list) => [...list.filter(([key]) => key !== name), [name, value]];
export const drop = (name) => (list) => list.filter(([key]) => key !== name);
export const add = (name, value) => (list) => [...list, [name, value]];

export class CallbackWorld {
  async start(options) { this.hostile = await HostileWorld.start({ size: 100, options }); }
  stop() { return this.hostile?.stop(); }

  // Begins a sign-in whose authorization response is changed by `params`.
  changed = async (responseType, params, settings) => {
    const signIn = this.hostile.newCase(settings);
    signIn.op.next('authorize', { params });
    await signIn.begin(responseType);
    return signIn;
  };

  // Expects that the callback is refused and that the provider hears of nothing.
  refused = async (signIn, expected, callback = signIn.authorize(), binding = undefined) => {
    await fails(signIn.submit(callback, binding), expected);
    assert.equal(signIn.count('token'), 0, 'token requests');
  };
}
