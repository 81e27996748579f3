/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { chacha20, columns } from '../webgpu/shared-shaders.gen.ts';

export type ShaderName =
  | 'add_simulated_noise';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_simulated_noise: `${columns}${chacha20}struct aA{Va:u32,e:u32,Sa:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>dT:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const eA=vec4u(0x3f3504f3u);
fn eB(Ga:vec4u)->vec4f{let i=bitcast<vec4u>(vec4f((Ga>>vec4u(8u))+1u))-eA;let a=bitcast<vec4f>((i&vec4u(0x7fffffu))+eA);let b=(a-1.0)/(a+1.0);let c=b*b;let e=b*(2.0+c*(2.0/3.0+c*(2.0/5.0+c*(2.0/7.0+c*(2.0/9.0)))));return(24.0-vec4f(i>>vec4u(23u)))*0.69314718-e;}
fn eC(Ga:vec4u)->vec4f{let Z=abs(vec4f(Ga>>vec4u(8u))*0x1p-22-2.0)-1.0;let c=Z*Z;let a= -4.6817541e-3+c*(1.6044118e-4-c*3.5988432e-6);return Z*(1.5707964+c*(-0.6459641+c*(0.079692626+c*a)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}let f=vec4u(p.f+Ha,0u,0u,0u);let n=aI(aJ(dT[0],dT[1],dT[2],dT[3]+f));let e=eB(vec4u(n.a.x,n.b.x,n.i.x,n.d.x));let g=vec4u(n.a.y,n.b.y,n.i.y,n.d.y);var aF=sqrt(2.0*e)*eC(g);if p.Va==1u{aF=select(e,-e,g>=vec4u(0x80000000u));}aD[Ha]=x[starts[0]/4u+Ha]+bitcast<f32>(p.Sa)*aF;}
`,
};
