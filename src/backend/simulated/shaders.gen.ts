/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { chacha20, columns } from '../webgpu/shared-shaders.gen.ts';

export type ShaderName =
  | 'add_simulated_noise';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_simulated_noise: `${columns}${chacha20}struct aA{Va:u32,e:u32,Ra:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>dR:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const dZ=vec4u(0x3f3504f3u);
fn eA(Ga:vec4u)->vec4f{let a=bitcast<vec4u>(vec4f((Ga>>vec4u(8u))+1u))-dZ;let b=bitcast<vec4f>((a&vec4u(0x7fffffu))+dZ);let c=(b-1.0)/(b+1.0);let e=c*c;let f=c*(2.0+e*(2.0/3.0+e*(2.0/5.0+e*(2.0/7.0+e*(2.0/9.0)))));return(24.0-vec4f(a>>vec4u(23u)))*0.69314718-f;}
fn eB(Ga:vec4u)->vec4f{let Aa=abs(vec4f(Ga>>vec4u(8u))*0x1p-22-2.0)-1.0;let e=Aa*Aa;let a= -4.6817541e-3+e*(1.6044118e-4-e*3.5988432e-6);return Aa*(1.5707964+e*(-0.6459641+e*(0.079692626+e*a)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}let f=vec4u(p.f+Ha,0u,0u,0u);let n=aI(aJ(dR[0],dR[1],dR[2],dR[3]+f));let e=eA(vec4u(n.a.x,n.b.x,n.i.x,n.d.x));let g=vec4u(n.a.y,n.b.y,n.i.y,n.d.y);var aF=sqrt(2.0*e)*eB(g);if p.Va==1u{aF=select(e,-e,g>=vec4u(0x80000000u));}aD[Ha]=x[starts[0]/4u+Ha]+bitcast<f32>(p.Ra)*aF;}
`,
};
