// Takes the rules of what people fill in from the contract, so that the page's and the server's have one source.
import { readFileSync } from 'node:fs';

interface Property {
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  /** In the syntax of ECMAScript with the flag `u`, where that of the document cannot say it. */
  'x-ecma-pattern'?: string;
}

export interface Rule {
  least: number;
  most: number;
  /** A regular expression with the flag `u`. */
  pattern: string;
}

const schemas: Record<string, { properties: Record<string, Property> }> = JSON.parse(
  readFileSync(new URL('../docs/api/openapi.json', import.meta.url), 'utf8'),
).components.schemas;

function rule(schema: string, field: string): Rule {
  const property = schemas[schema]?.properties[field] ?? {};
  const { minLength, maxLength, minimum, maximum } = property;
  const [least, most] = [minLength ?? minimum ?? 1, maxLength ?? maximum];
  if (most === undefined) throw new Error(`docs/api/openapi.json bounds no ${schema}.${field}`);
  return { least, most, pattern: property['x-ecma-pattern'] ?? property.pattern ?? '' };
}

/** Lengths in characters, amounts, and patterns. Vite writes them into the page as `CONTRACT_RULES`. */
export const contractRules = {
  name: rule('Register', 'firstName'),
  email: rule('Register', 'email'),
  password: rule('Register', 'password'),
  knownPassword: rule('Login', 'password'),
  title: rule('CreateOrder', 'title'),
  description: rule('CreateOrder', 'description'),
  orderReference: rule('CreateOrder', 'orderReference'),
  price: rule('CreateOrder', 'price'),
};

/** For Vite and Vitest. */
export const define = { CONTRACT_RULES: JSON.stringify(contractRules) };
