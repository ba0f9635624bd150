import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** A text that is no document of `nvidia-smi -q -x`; the message is a sentence for the user. */
export class NvidiaSmiError extends Error {
  override readonly name = 'NvidiaSmiError';
}

/** Largest document that is read, in bytes (of a string: characters). Eight B200 are 0.36 MB. */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** An element: its text when it holds text only, else its children by name; a list when it stands there repeatedly. */
export type Body = string | { readonly [child: string]: Body } | readonly Body[];

export interface Xml {
  /** The DTD's version, such as `v12`; null when the document names none. Not a sign of what is in it. */
  readonly dtd: string | null;
  /** Content of `nvidia_smi_log`. */
  readonly root: Body;
  /** The document was well-formed only without its lists of processes. */
  readonly processesDropped: boolean;
}

const OPENING = '<nvidia_smi_log';
const CLOSING = '</nvidia_smi_log>';
const DTD = /<!DOCTYPE\s+nvidia_smi_log\s+SYSTEM\s+"nvsmi_device_(v\d{1,4})\.dtd"\s*>/;
const DECLARATION = /<!(?:DOCTYPE|ENTITY)/i;
/** Control characters but for tab and line ends. */
const CONTROLS = /[^\P{Cc}\t\n\r]/gu;
/** Real documents nest eight deep. */
const MAX_DEPTH = 32;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  jPath: false,
  maxNestedTags: MAX_DEPTH,
});

/**
 * Reads a document into a tree. No DTD is ever fetched or expanded. What surrounds the document is left out: some
 * drivers print warnings there.
 * @throws NvidiaSmiError when it is too large, truncated, not well-formed, or declares entities
 */
export function readXml(input: string | Uint8Array): Xml {
  if (input.length > MAX_DOCUMENT_BYTES) {
    throw new NvidiaSmiError(`The document is larger than ${MAX_DOCUMENT_BYTES / 1_048_576} MiB.`);
  }
  const whole = (typeof input === 'string' ? input : new TextDecoder().decode(input)).replaceAll(CONTROLS, '');
  const { head, document } = locate(whole);
  const dtd = DTD.exec(head)?.[1] ?? null;
  // Clocks are most of the document, and malformed under some drivers. Names of processes hold arbitrary bytes.
  const lean = without(document, ['supported_clocks', 'accounted_processes', 'process_name']);
  if (lean.includes(OPENING, OPENING.length)) throw new NvidiaSmiError('The text holds more than one document.');
  if (DECLARATION.test(head.replace(DTD, '')) || DECLARATION.test(lean)) {
    throw new NvidiaSmiError('The document declares a document type or entities of its own, which is refused.');
  }
  const fault = faultOf(lean);
  if (fault === undefined) return { dtd, root: treeOf(lean), processesDropped: false };
  const leaner = without(lean, ['processes']);
  if (faultOf(leaner) !== undefined) throw new NvidiaSmiError(`The document is not well-formed XML: ${fault}`);
  return { dtd, root: treeOf(leaner), processesDropped: true };
}

function locate(whole: string): { head: string; document: string } {
  const start = whole.indexOf(OPENING);
  if (start < 0) {
    const said = whole.trim().replaceAll(/\s+/g, ' ').slice(0, 100);
    throw new NvidiaSmiError(
      `This is not a document of nvidia-smi -q -x: it holds no <nvidia_smi_log>${said === '' ? ' and is empty.' : ` and begins with ${JSON.stringify(said)}.`}`,
    );
  }
  const end = whole.lastIndexOf(CLOSING);
  if (end < start) throw new NvidiaSmiError(`The document is truncated: ${CLOSING} is missing.`);
  return { head: whole.slice(0, start), document: whole.slice(start, end + CLOSING.length) };
}

/** The document without these elements, which need not be well-formed. None is cut across the end of a GPU. */
function without(document: string, names: readonly string[]): string {
  const perGpu = document.split('</gpu>');
  return perGpu.map((part) => names.reduce(cut, part)).join('</gpu>');
}

function cut(part: string, name: string): string {
  const closing = `</${name}>`;
  let kept = '';
  let from = 0;
  for (;;) {
    const open = part.indexOf(`<${name}>`, from);
    const close = open < 0 ? -1 : part.indexOf(closing, open);
    if (close < 0) return kept + part.slice(from);
    kept += part.slice(from, open);
    from = close + closing.length;
  }
}

function faultOf(document: string): string | undefined {
  const verdict = XMLValidator.validate(document);
  return verdict === true ? undefined : verdict.err.msg;
}

function treeOf(document: string): Body {
  try {
    const { nvidia_smi_log: root } = parser.parse(document) as { nvidia_smi_log: Body };
    return root;
  } catch (error) {
    throw new NvidiaSmiError(`The document is refused: ${error instanceof Error ? error.message : String(error)}`);
  }
}
