// Module hooks: oidc-provider gets a node:crypto that has `hash`.
const withHash = new URL('./node18_crypto.mjs', import.meta.url).href;

export async function resolve(specifier, context, next) {
  if (specifier === 'node:crypto' && context.parentURL?.includes('/oidc-provider/')) {
    return { url: withHash, shortCircuit: true };
  }
  return next(specifier, context);
}
