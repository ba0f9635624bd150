#!/usr/bin/env node
// Stands in for nvidia-smi: `-q -x`, with `-l SECONDS` again and again, `-L` for the list of devices, `-i UUID -pl WATTS`
// for the power limit of a board, which it keeps beside the scenario. What it prints
// is told by the JSON file AIDC_FAKE_NVIDIA_SMI (see fake-nvidia-smi.ts), which may change while it runs. It needs no
// more than the system's Node.
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const scenarioFile = process.env.AIDC_FAKE_NVIDIA_SMI;
const args = process.argv.slice(2);
const intervalSeconds = args.includes('-l') ? Number(args[args.indexOf('-l') + 1]) : undefined;

const scenario = () => JSON.parse(readFileSync(scenarioFile, 'utf8'));
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Watts by UUID, as they were set. */
const limits = () =>
  existsSync(`${scenarioFile}.limits`) ? JSON.parse(readFileSync(`${scenarioFile}.limits`, 'utf8')) : {};
const bounds = (gpu) => ({ min: 200, default: 700, max: 700, ...gpu.limits });

/** Power on the line through the points around this moment. */
function wattsAt(points, seconds) {
  const next = points.findIndex(([at]) => at >= seconds);
  if (next === 0 || points.length === 1) return points[0][1];
  if (next < 0) return points.at(-1)[1];
  const [[fromAt, from], [toAt, to]] = [points[next - 1], points[next]];
  return from + ((to - from) * (seconds - fromAt)) / (toAt - fromAt);
}

function gpuXml(gpu, index, seconds) {
  const busId = gpu.busId ?? `00000000:0${index + 1}:00.0`;
  const { min, max, default: usual } = bounds(gpu);
  const limit = limits()[gpu.uuid];
  const drawn = Math.min(wattsAt(gpu.watts ?? [[0, 100]], seconds), limit ?? Number.POSITIVE_INFINITY);
  const watts = gpu.isLost ? 'GPU is lost' : `${drawn.toFixed(2)} W`;
  const watt = (value) => `${value.toFixed(2)} W`;
  const now = watt(limit ?? usual);
  const uuid = gpu.isLost ? 'GPU is lost' : gpu.uuid;
  return `  <gpu id="${busId}">
    <product_name>${gpu.model ?? 'NVIDIA H100 80GB HBM3'}</product_name>
    <product_architecture>Hopper</product_architecture>
    <mig_mode><current_mig>${gpu.mig ? 'Enabled' : 'Disabled'}</current_mig></mig_mode>
    <mig_devices>${gpu.mig ? gpu.mig.map(migXml).join('') : 'None'}</mig_devices>
    <uuid>${uuid}</uuid>
    <minor_number>${index}</minor_number>
    <pci><pci_bus_id>${busId}</pci_bus_id></pci>
    <fb_memory_usage><total>81559 MiB</total><reserved>551 MiB</reserved><used>1 MiB</used><free>81007 MiB</free></fb_memory_usage>
    <utilization><gpu_util>${gpu.isLost ? 'GPU is lost' : '42 %'}</gpu_util><memory_util>7 %</memory_util></utilization>
    <temperature><gpu_temp>40 C</gpu_temp></temperature>
    <gpu_power_readings><average_power_draw>${watts}</average_power_draw><current_power_limit>${now}</current_power_limit><requested_power_limit>${now}</requested_power_limit><default_power_limit>${watt(usual)}</default_power_limit><min_power_limit>${watt(min)}</min_power_limit><max_power_limit>${watt(max)}</max_power_limit></gpu_power_readings>
    <gpu_recovery_action>None</gpu_recovery_action>
    <processes></processes>
  </gpu>
`;
}

const migXml = ({ instance, multiprocessors }, index) =>
  `<mig_device><index>${index}</index><gpu_instance_id>${instance}</gpu_instance_id><compute_instance_id>0</compute_instance_id><device_attributes><shared><multiprocessor_count>${multiprocessors}</multiprocessor_count></shared></device_attributes></mig_device>`;

function documentXml({ gpus = [], startMs = 0, attached = gpus.length }) {
  const seconds = (Date.now() - startMs) / 1000;
  return `<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <driver_version>580.95.05</driver_version>
  <cuda_version>13.0</cuda_version>
  <attached_gpus>${attached}</attached_gpus>
${gpus.map((gpu, index) => gpuXml(gpu, index, seconds)).join('')}</nvidia_smi_log>
`;
}

function list({ gpus = [] }) {
  const lines = gpus.flatMap(({ uuid, mig = [] }, index) => [
    `GPU ${index}: NVIDIA H100 80GB HBM3 (UUID: ${uuid})`,
    ...mig.map((device, at) => `  MIG 1g.10gb     Device  ${at}: (UUID: ${device.uuid})`),
  ]);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function query() {
  appendFileSync(`${scenarioFile}.pids`, `${process.pid}\n`);
  const number = readFileSync(`${scenarioFile}.pids`, 'utf8').trim().split('\n').length;
  const { runs = [{}] } = scenario();
  const {
    ignoreTerm = false,
    hang = false,
    garbage,
    stderr = '',
    documents = Infinity,
    exitCode = 0,
  } = runs[Math.min(number, runs.length) - 1];
  if (ignoreTerm) process.on('SIGTERM', () => {});
  process.stderr.write(stderr);
  if (garbage !== undefined) process.stdout.write(garbage);
  for (let printed = 0; printed < documents && !hang && garbage === undefined; printed += 1) {
    const { replay, ...rest } = scenario();
    process.stdout.write(replay === undefined ? documentXml(rest) : readFileSync(replay[printed % replay.length]));
    if (intervalSeconds === undefined) break;
    await sleep(intervalSeconds);
  }
  if (hang) await sleep(3600);
  process.exitCode = exitCode;
}

function setLimit({ gpus = [] }) {
  const uuid = args[args.indexOf('-i') + 1];
  const watts = Number(args[args.indexOf('-pl') + 1]);
  const gpu = gpus.find((one) => one.uuid === uuid);
  appendFileSync(`${scenarioFile}.pl`, `${uuid} ${watts}\n`);
  const fail = (code, text) => {
    process.stdout.write(`${text}\nTerminating early due to previous errors.\n`);
    process.exitCode = code;
  };
  if (gpu === undefined) return fail(6, 'No devices were found');
  const { min, max } = bounds(gpu);
  if (gpu.powerCap === 'forbidden') return fail(4, `Insufficient permissions to set the power limit of ${uuid}.`);
  if (!(watts >= min && watts <= max)) return fail(2, `${watts} W is no power limit between ${min} W and ${max} W.`);
  process.stdout.write(`The power limit of ${uuid} was set to ${watts.toFixed(2)} W.\nAll done.\n`);
  if (gpu.powerCap === 'ignored') return;
  writeFileSync(`${scenarioFile}.limits.new`, JSON.stringify({ ...limits(), [uuid]: watts }));
  renameSync(`${scenarioFile}.limits.new`, `${scenarioFile}.limits`);
}

if (args.includes('-pl')) setLimit(scenario());
else if (args.includes('-L')) list(scenario());
else await query();
