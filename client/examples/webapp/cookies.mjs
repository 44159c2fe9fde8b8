// The two cookies of the application.
//
// The binding cookie has to come along with the form_post, which is a POST from the provider's site
// to ours, so it must be SameSite=None, and browsers take that only with Secure. Chromium and Firefox
// accept Secure cookies from http://localhost and http://127.0.0.1; Safari does not: use HTTPS there,
// as everywhere outside one's own machine.
//
// There is one binding cookie for each sign-in, named after its state, so that two tabs do not
// overwrite each other's.
const ATTRIBUTES = 'Path=/; Secure; HttpOnly';

const bindingName = (state) => `__Host-sign-in-${state}`;
const SESSION = '__Host-session';

// The Set-Cookie value for the browser_binding of a sign-in.
export function bindingCookie(state, binding) {
  return `${bindingName(state)}=${binding}; ${ATTRIBUTES}; SameSite=None; Max-Age=600`;
}

// The Set-Cookie value that drops it again.
export function forgetBinding(state) {
  return `${bindingName(state)}=; ${ATTRIBUTES}; SameSite=None; Max-Age=0`;
}

export function sessionCookie(id) {
  return `${SESSION}=${id}; ${ATTRIBUTES}; SameSite=Lax`;
}

function cookie(request, name) {
  const pairs = (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  return pairs.find(([key]) => key === name)?.[1];
}

export const bindingOf = (request, state) => cookie(request, bindingName(state)) ?? '';
export const sessionOf = (request) => cookie(request, SESSION);
