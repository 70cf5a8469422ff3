// The rules of the contract, as contract-rules.ts read them when the page was built.
import type { contractRules as read } from '../../contract-rules';

declare const CONTRACT_RULES: typeof read;

export const contractRules = CONTRACT_RULES;
