/** Wall time as the API's MicroTime: exactly six fraction digits, or the API answers 400. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
