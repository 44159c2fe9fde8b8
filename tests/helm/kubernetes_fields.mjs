// Kubernetes' own list of types and fields, in the form of structured-merge-diff: what server-side apply goes by.
// It knows unknown fields, wrong types and repeated list keys, but not what is required.
import { parse } from 'yaml';

const SCALARS = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  numeric: (value) => typeof value === 'number',
  untyped: () => true,
};

export class KubernetesFields {
  #types;

  // `text` is the YAML of the schema (tools.sh).
  constructor(text) {
    this.#types = new Map(parse(text).types.map((type) => [type.name, type]));
  }

  // Whether the type of `document` is one of Kubernetes' own, and not a custom resource.
  knows(document) {
    return this.#types.has(nameOf(document));
  }

  // Returns what is wrong with `document`, a line for each fault.
  faults(document) {
    const found = [];
    this.#walk({ namedType: nameOf(document) }, document, document.kind, found);
    return found;
  }

  #resolve(reference) {
    if (!reference.namedType) return reference;
    const type = this.#types.get(reference.namedType);
    if (!type) throw new Error(`the schema has no type ${reference.namedType}`);
    return this.#resolve(type);
  }

  #walk(reference, value, path, found) {
    if (value === null || value === undefined) return;
    const type = this.#resolve(reference);
    const shapes = ['scalar', 'list', 'map'].filter((shape) => shape in type);
    if (shapes.length !== 1) return; // anything goes
    if (type.scalar) {
      if (!SCALARS[type.scalar](value)) found.push(`${path}: ${JSON.stringify(value)} is not ${type.scalar}`);
    } else if (type.list) {
      this.#walkList(type.list, value, path, found);
    } else {
      this.#walkMap(type.map, value, path, found);
    }
  }

  #walkList(list, value, path, found) {
    if (!Array.isArray(value)) {
      found.push(`${path}: not a list`);
      return;
    }
    const seen = new Set();
    for (const [index, element] of value.entries()) {
      this.#walk(list.elementType, element, `${path}[${index}]`, found);
      if (!list.keys) continue;
      const key = JSON.stringify(list.keys.map((name) => element?.[name]));
      if (seen.has(key)) found.push(`${path}[${index}]: ${list.keys.join(', ')} ${key} is there already`);
      seen.add(key);
    }
  }

  #walkMap(map, value, path, found) {
    if (typeof value !== 'object' || Array.isArray(value)) {
      found.push(`${path}: not a mapping`);
      return;
    }
    const fields = new Map((map.fields ?? []).map((field) => [field.name, field.type]));
    for (const [name, member] of Object.entries(value)) {
      const type = fields.get(name) ?? map.elementType;
      if (type) this.#walk(type, member, `${path}.${name}`, found);
      else found.push(`${path}.${name}: there is no such field`);
    }
  }
}

// `apps/v1` Deployment is io.k8s.api.apps.v1.Deployment, `networking.k8s.io/v1` is io.k8s.api.networking.v1.
function nameOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `io.k8s.api.${group.split('.')[0]}.${version}.${kind}`;
}
