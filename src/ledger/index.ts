export { Ledger } from './ledger.ts';
export type { Metering } from './metering.ts';
