/** Money by currency, in millionths. Sums of currencies are never added. */
export type Money = Readonly<Record<string, number>>;

export const NO_MONEY: Money = Object.freeze({});

export function addMoney(a: Money, b: Money | undefined): Money {
  if (b === undefined) return a;
  const sum: Record<string, number> = { ...a };
  for (const [currency, micros] of Object.entries(b)) sum[currency] = (sum[currency] ?? 0) + micros;
  return sum;
}

/** The part of it that is something. */
export const someMoney = (money: Money): Money =>
  Object.fromEntries(Object.entries(money).filter(([, micros]) => micros > 0));
