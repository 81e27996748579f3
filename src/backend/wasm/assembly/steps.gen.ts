/** Written by scripts/build-wasm.ts from STEP_KINDS of network-steps.ts. Do not edit. @module */

/** 01 */
export function step0(p0: usize, p1: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    p0 += 32; p1 += 32;
  }
}
/** 01 12 */
export function step1(p0: usize, p1: usize, p2: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v10, v20); v20 = v128.max<i32>(v10, v20); v10 = t10;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v11, v21); v21 = v128.max<i32>(v11, v21); v11 = t11;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    p0 += 32; p1 += 32; p2 += 32;
  }
}
/** 01 02 21 */
export function step2(p0: usize, p1: usize, p2: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t10;
    const t20 = v128.min<i32>(v20, v10); v10 = v128.max<i32>(v20, v10); v20 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t11;
    const t21 = v128.min<i32>(v21, v11); v11 = v128.max<i32>(v21, v11); v21 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    p0 += 32; p1 += 32; p2 += 32;
  }
}
/** 01 02 03 */
export function step3(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t10;
    const t20 = v128.min<i32>(v00, v30); v30 = v128.max<i32>(v00, v30); v00 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t11;
    const t21 = v128.min<i32>(v01, v31); v31 = v128.max<i32>(v01, v31); v01 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 02 30 */
export function step4(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t10;
    const t20 = v128.min<i32>(v30, v00); v00 = v128.max<i32>(v30, v00); v30 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t11;
    const t21 = v128.min<i32>(v31, v01); v01 = v128.max<i32>(v31, v01); v31 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 02 31 */
export function step5(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t10;
    const t20 = v128.min<i32>(v30, v10); v10 = v128.max<i32>(v30, v10); v30 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t11;
    const t21 = v128.min<i32>(v31, v11); v11 = v128.max<i32>(v31, v11); v31 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 20 30 */
export function step6(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v00); v00 = v128.max<i32>(v20, v00); v20 = t10;
    const t20 = v128.min<i32>(v30, v00); v00 = v128.max<i32>(v30, v00); v30 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v01); v01 = v128.max<i32>(v21, v01); v21 = t11;
    const t21 = v128.min<i32>(v31, v01); v01 = v128.max<i32>(v31, v01); v31 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 20 31 */
export function step7(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v00); v00 = v128.max<i32>(v20, v00); v20 = t10;
    const t20 = v128.min<i32>(v30, v10); v10 = v128.max<i32>(v30, v10); v30 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v01); v01 = v128.max<i32>(v21, v01); v21 = t11;
    const t21 = v128.min<i32>(v31, v11); v11 = v128.max<i32>(v31, v11); v31 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 23 02 */
export function step8(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v30); v30 = v128.max<i32>(v20, v30); v20 = t10;
    const t20 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v31); v31 = v128.max<i32>(v21, v31); v21 = t11;
    const t21 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 23 03 */
export function step9(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v30); v30 = v128.max<i32>(v20, v30); v20 = t10;
    const t20 = v128.min<i32>(v00, v30); v30 = v128.max<i32>(v00, v30); v00 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v31); v31 = v128.max<i32>(v21, v31); v21 = t11;
    const t21 = v128.min<i32>(v01, v31); v31 = v128.max<i32>(v01, v31); v01 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 23 12 */
export function step10(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v30); v30 = v128.max<i32>(v20, v30); v20 = t10;
    const t20 = v128.min<i32>(v10, v20); v20 = v128.max<i32>(v10, v20); v10 = t20;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v31); v31 = v128.max<i32>(v21, v31); v21 = t11;
    const t21 = v128.min<i32>(v11, v21); v21 = v128.max<i32>(v11, v21); v11 = t21;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 23 02 13 */
export function step11(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v30); v30 = v128.max<i32>(v20, v30); v20 = t10;
    const t20 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t20;
    const t30 = v128.min<i32>(v10, v30); v30 = v128.max<i32>(v10, v30); v10 = t30;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v31); v31 = v128.max<i32>(v21, v31); v21 = t11;
    const t21 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t21;
    const t31 = v128.min<i32>(v11, v31); v31 = v128.max<i32>(v11, v31); v11 = t31;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}
/** 01 23 02 13 21 */
export function step12(p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (const end = p0 + bytes; p0 < end; ) {
    let v00 = v128.load(p0, 0);
    let v10 = v128.load(p1, 0);
    let v20 = v128.load(p2, 0);
    let v30 = v128.load(p3, 0);
    const t00 = v128.min<i32>(v00, v10); v10 = v128.max<i32>(v00, v10); v00 = t00;
    const t10 = v128.min<i32>(v20, v30); v30 = v128.max<i32>(v20, v30); v20 = t10;
    const t20 = v128.min<i32>(v00, v20); v20 = v128.max<i32>(v00, v20); v00 = t20;
    const t30 = v128.min<i32>(v10, v30); v30 = v128.max<i32>(v10, v30); v10 = t30;
    const t40 = v128.min<i32>(v20, v10); v10 = v128.max<i32>(v20, v10); v20 = t40;
    v128.store(p0, v00, 0);
    v128.store(p1, v10, 0);
    v128.store(p2, v20, 0);
    v128.store(p3, v30, 0);
    let v01 = v128.load(p0, 16);
    let v11 = v128.load(p1, 16);
    let v21 = v128.load(p2, 16);
    let v31 = v128.load(p3, 16);
    const t01 = v128.min<i32>(v01, v11); v11 = v128.max<i32>(v01, v11); v01 = t01;
    const t11 = v128.min<i32>(v21, v31); v31 = v128.max<i32>(v21, v31); v21 = t11;
    const t21 = v128.min<i32>(v01, v21); v21 = v128.max<i32>(v01, v21); v01 = t21;
    const t31 = v128.min<i32>(v11, v31); v31 = v128.max<i32>(v11, v31); v11 = t31;
    const t41 = v128.min<i32>(v21, v11); v11 = v128.max<i32>(v21, v11); v21 = t41;
    v128.store(p0, v01, 16);
    v128.store(p1, v11, 16);
    v128.store(p2, v21, 16);
    v128.store(p3, v31, 16);
    p0 += 32; p1 += 32; p2 += 32; p3 += 32;
  }
}

/** Does `count` steps at `program`, a kind and four byte offsets of rows each, on a block of keys. */
export function runSteps(program: usize, count: i32, block: usize, bytes: usize): void {
  const end = program + <usize>count * 20;
  for (let step = program; step < end; step += 20) {
    switch (load<u32>(step)) {
      case 0:
        step0(block + load<u32>(step, 4), block + load<u32>(step, 8), bytes);
        break;
      case 1:
        step1(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), bytes);
        break;
      case 2:
        step2(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), bytes);
        break;
      case 3:
        step3(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 4:
        step4(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 5:
        step5(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 6:
        step6(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 7:
        step7(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 8:
        step8(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 9:
        step9(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 10:
        step10(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 11:
        step11(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
      case 12:
        step12(block + load<u32>(step, 4), block + load<u32>(step, 8), block + load<u32>(step, 12), block + load<u32>(step, 16), bytes);
        break;
    }
  }
}
