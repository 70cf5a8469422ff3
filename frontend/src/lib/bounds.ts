// The bounds of the contract, as contract-bounds.ts read them when the page was built.
import type { contractBounds } from '../../contract-bounds';

declare const CONTRACT_BOUNDS: typeof contractBounds;

export const bounds = CONTRACT_BOUNDS;
