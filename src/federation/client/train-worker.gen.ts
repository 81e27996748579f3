/** Bundled from train-worker.ts by scripts/build-workers.ts. Do not edit. @module */

export const workerScript: string = "(()=>{var t=self;t.onmessage=({data:r})=>{a(r).then(n=>t.postMessage({update:n}),n=>{t.postMessage({failure:n instanceof Error?n.message:String(n)})})};async function a({module:r,task:n}){let{train:e}=await import(r);if(typeof e!=\"function\")throw new TypeError(`${r} exports no function train`);return e({...n,signal:new AbortController().signal})}})();";
