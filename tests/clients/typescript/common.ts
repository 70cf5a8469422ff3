// What the clients of every generator send and expect.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export { assert };
export const url = process.env.API_URL!;
export const somebody = () => ({
  email: `ada.${randomUUID()}@example.org`, password: `correct ${randomUUID()}`, firstName: 'Ada', lastName: 'Lovelace',
});
// 999999.99 is what a float of 32 bits cannot hold, 0.07 what no float divides by 0.01.
export const orders = [999999.99, 0.07, 0.29].map((price) => ({ title: `For ${price}`, description: 'Generated', price }));
export const prices = [0.29, 0.07, 999999.99];
export const cursor = (link: string | null) => new URL(link!.match(/<([^>]+)>/)![1], url).searchParams.get('cursor')!;
export const nowhere = '0199f0a0-7c3e-7000-8000-000000000404';
