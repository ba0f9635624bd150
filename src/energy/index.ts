export * from './accrual.ts';
