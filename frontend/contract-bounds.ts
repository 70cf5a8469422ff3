// Takes the bounds of what people fill in from the contract, so that the page's rules and the server's have one source.
import { readFileSync } from 'node:fs';

interface Property {
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

const schemas: Record<string, { properties: Record<string, Property> }> = JSON.parse(
  readFileSync(new URL('../docs/api/openapi.json', import.meta.url), 'utf8'),
).components.schemas;

function bounds(schema: string, field: string): [least: number, most: number] {
  const { minLength, maxLength, minimum, maximum } = schemas[schema]?.properties[field] ?? {};
  const [least, most] = [minLength ?? minimum, maxLength ?? maximum];
  if (least === undefined || most === undefined) throw new Error(`docs/api/openapi.json bounds no ${schema}.${field}`);
  return [least, most];
}

/** Lengths in characters, and amounts. Vite writes them into the page as `CONTRACT_BOUNDS`. */
export const contractBounds = {
  name: bounds('Register', 'firstName'),
  password: bounds('Register', 'password'),
  title: bounds('CreateOrder', 'title'),
  description: bounds('CreateOrder', 'description'),
  orderReference: bounds('CreateOrder', 'orderReference'),
  price: bounds('CreateOrder', 'price'),
};

/** For Vite and Vitest. */
export const define = { CONTRACT_BOUNDS: JSON.stringify(contractBounds) };
