// What the API servers require: fields, types, words and ranges, from their OpenAPI documents as npm's
// kubernetes-models compiles them. It takes unknown fields as they come; kubernetes_fields.mjs does not.
const CUSTOM = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'external-secrets.io': '@kubernetes-models/external-secrets',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

// Resolves to what is wrong with `document`: nothing, or one line.
export async function requiredFieldFaults(document) {
  const { apiVersion, kind } = document;
  const source = CUSTOM[apiVersion.split('/')[0]] ?? 'kubernetes-models';
  let models;
  try {
    models = await import(`${source}/${apiVersion}/${kind}`);
  } catch {
    return [`${kind}: ${source} has no ${apiVersion} ${kind}`];
  }
  try {
    new models[kind](document).validate();
    return [];
  } catch (error) {
    return [`${kind}: ${error.message}`];
  }
}
