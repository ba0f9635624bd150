import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface SelfSignedOptions {
  /** Who it says it is; at most 64 characters. */
  readonly commonName: string;
  /** DNS names of the server; ASCII, at least one. */
  readonly dnsNames: readonly string[];
  /** Wall times in milliseconds between which it holds; cut to whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Tags of ASN.1 (ITU-T X.690, 8.1.2) as far as a certificate needs them. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** Object identifiers, already encoded. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
} as const;

/**
 * A self-signed certificate of a TLS server (RFC 5280) with a new key on P-256: neither an authority nor good for
 * anything else.
 */
export function selfSigned({ commonName, dnsNames, notBeforeMs, notAfterMs }: SelfSignedOptions): KeyPair {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const privateKey = createPrivateKey(key);
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(der(TAG.set, sequence(oid(OID.commonName), der(TAG.utf8String, Buffer.from(commonName)))));
  const toBeSigned = sequence(
    der(TAG.version, der(TAG.integer, Buffer.of(2))),
    der(TAG.integer, serialNumber()),
    algorithm,
    name,
    sequence(time(notBeforeMs), time(notAfterMs)),
    name,
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    der(TAG.extensions, sequence(...extensions(dnsNames))),
  );
  const certificate = sequence(toBeSigned, algorithm, bitString(0, sign('sha256', toBeSigned, privateKey)));
  const body = (certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return { cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`, key: key.toString() };
}

function extensions(dnsNames: readonly string[]): Buffer[] {
  const names = dnsNames.map((name) => der(TAG.dnsName, Buffer.from(name, 'ascii')));
  return [
    extension(OID.basicConstraints, true, sequence()),
    // The first bit alone: digitalSignature.
    extension(OID.keyUsage, true, bitString(7, Buffer.of(0x80))),
    extension(OID.extKeyUsage, false, sequence(oid(OID.serverAuth))),
    extension(OID.subjectAltName, false, sequence(...names)),
  ];
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [der(TAG.boolean, Buffer.of(0xff))] : []), der(TAG.octetString, value));

/** One element: tag, length (X.690, 8.1.3), content. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const bytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...bytes), body]);
}

const sequence = (...content: readonly Buffer[]): Buffer => der(TAG.sequence, ...content);
const oid = (hex: string): Buffer => der(TAG.oid, Buffer.from(hex, 'hex'));
const bitString = (unusedBits: number, bits: Buffer): Buffer => der(TAG.bitString, Buffer.of(unusedBits), bits);

/** Positive, without leading zero bytes, and long enough never to come twice. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** Two digits for the year up to 2049, four from 2050 on (RFC 5280, 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`;
  return Number(digits.slice(0, 4)) < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits));
}
