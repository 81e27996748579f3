/**
 * The smallest complete use of a GPU: 1 000 numbers are added by a compute shader and read back.
 * Runs in Node and in browsers.
 *
 * @module
 */

const SHADER = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&y) { return; }
    y[id.x] += x[id.x];
}`;

/** x + y, computed on the device. Both hold f32; equally long. */
export async function addOnGpu(
  device: GPUDevice,
  [x, y]: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>],
): Promise<Float32Array> {
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = {
    STORAGE: 0x80,
    COPY_DST: 0x8,
    COPY_SRC: 0x4,
    MAP_READ: 0x1,
  };
  const buffers = [x, y].map((values) => {
    const usage = STORAGE | COPY_DST | COPY_SRC;
    const buffer = device.createBuffer({ size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  });
  const home = device.createBuffer({ size: y.byteLength, usage: MAP_READ | COPY_DST });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: SHADER }), entryPoint: 'add' },
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(y.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(buffers[1]!, 0, home, 0, y.byteLength);
  device.queue.submit([encoder.finish()]);
  await home.mapAsync(1);
  return new Float32Array(home.getMappedRange().slice(0));
}

/** Adds 0, 1, …, 999 to twice the same and tells how many of the 1 000 sums are 3i. */
export async function countRightSums(device: GPUDevice): Promise<number> {
  const x = Float32Array.from({ length: 1000 }, (_, i) => i);
  const sums = await addOnGpu(device, [x, x.map((value) => 2 * value)]);
  return sums.filter((sum, i) => sum === 3 * i).length;
}
