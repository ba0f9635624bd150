/** Elements by name: a text, children, or several elements of that name. */
export type Tree = { readonly [name: string]: string | Tree | readonly (string | Tree)[] };

export interface Layout {
  readonly eol: string;
  readonly indent: string;
  /** Order of the names of an element's children. */
  readonly order: (names: string[]) => string[];
  /** What surrounds a text. */
  readonly pad: string;
}

const PLAIN: Layout = { eol: '\n', indent: '  ', order: (names) => names, pad: '' };

/** The tree as nvidia-smi prints it: a DTD, one root, no attributes but the id of a GPU. Texts are not escaped. */
export function documentOf(root: Tree, { dtd = 'v12', ...layout }: Partial<Layout> & { dtd?: string | null } = {}) {
  const full = { ...PLAIN, ...layout };
  const doctype = dtd === null ? '' : `<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_${dtd}.dtd">${full.eol}`;
  return `<?xml version="1.0" ?>${full.eol}${doctype}${element('nvidia_smi_log', root, '', full)}`;
}

function element(name: string, content: string | Tree, margin: string, layout: Layout): string {
  const { eol, indent, order, pad } = layout;
  const opening = name === 'gpu' ? '<gpu id="00000000:0A:00.0">' : `<${name}>`;
  if (typeof content === 'string') return `${margin}${opening}${pad}${content}${pad}</${name}>${eol}`;
  const children = order(Object.keys(content)).flatMap((child) =>
    [content[child] ?? ''].flat().map((one) => element(child, one, margin + indent, layout)),
  );
  return `${margin}${opening}${eol}${children.join('')}${margin}</${name}>${eol}`;
}

export const UUID = 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';

/** A document with one GPU of this content. */
export const gpuDocument = (gpu: Tree): string =>
  documentOf({ driver_version: '580.1', attached_gpus: '1', gpu: { uuid: UUID, ...gpu } });
