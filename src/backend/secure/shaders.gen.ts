/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { chacha20, columns, scaled } from '../webgpu/shared-shaders.gen.ts';

export type ShaderName =
  | 'add_masks'
  | 'dequantize'
  | 'pack'
  | 'quantize'
  | 'unpack';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_masks: `${chacha20}struct aA{E:u32,Qa:u32,Ra:u32,f:u32,Ma:u32,Sa:u32}
@group(0)@binding(0)var<storage,read>dQ:array<vec4u>;
@group(0)@binding(1)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64u;
const dR=vec4u(0x61707865u,0x3320646eu,0x79622d32u,0x6b206574u);
fn add(Ra:u32,Ga:vec4u){atomicAdd(&aD[Ra],Ga.x);atomicAdd(&aD[Ra+1u],Ga.y);atomicAdd(&aD[Ra+2u],Ga.z);atomicAdd(&aD[Ra+3u],Ga.w);}
@compute@workgroup_size(WG_SIZE)fn add_masks(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let D=p.Sa+a.x;let b=(p.Ra+WG_SIZE-1u)/WG_SIZE;let n=D%b*WG_SIZE+c;if n>=p.Ra{return;}let e=vec4u(p.f+n,0u,0u,0u);var g=aJ();let Ea=D/b*p.Ma;for(var Sa=Ea;Sa<min(p.E,Ea+p.Ma);Sa++){let f=aI(aJ(dR,dQ[2u*Sa],dQ[2u*Sa+1u],e));let i=select(0xffffffffu,1u,Sa<p.Qa);g.a+=i*f.a;g.b+=i*f.b;g.i+=i*f.i;g.d+=i*f.d;}add(16u*n,g.a);add(16u*n+4u,g.b);add(16u*n+8u,g.i);add(16u*n+12u,g.d);}
`,
  dequantize: `${columns}${scaled}struct aA{m:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn dS(q:u32)->u32{let a=(q&bL)!=0u;let b=dT(select(q,0u-q,a));if b.Ta==0u{return 0u;}return(q&bL)|word_of(bQ(b,dU(p.m)));}
@compute@workgroup_size(WG_SIZE)fn dequantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}let Ga=x[starts[0]/4u+Ha];aD[Ha]=vec4u(dS(Ga.x),dS(Ga.y),dS(Ga.z),dS(Ga.w));}
`,
  pack: `${columns}struct aA{bits:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn pack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);let Ea=D/p.bits*32u;let o=D%p.bits*32u;if Ea+o/p.bits>=p.e{return;}let e=0xffffffffu>>(32u-p.bits);var q=0u;for(var Sa=o/p.bits;Sa*p.bits<o+32u;Sa++){let Fa=Ea+Sa;if Fa>=p.e{break;}let f=x[starts[0]+Fa]&e;let C=Sa*p.bits;if C<o{q|=f>>(o-C);}else{q|=f<<(C-o);}}aD[D]=q;}
`,
  quantize: `${columns}${chacha20}${scaled}struct aA{Ga:u32,e:u32,Ua:u32,m:u32,Va:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aK:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
const cE:u32=0x7f800000u;
const dV:i32= -47;
const dW:u32=0x1000000u;
fn dX(q:u32,a:u32)->u32{let e=min(q&MAGNITUDE,p.Ua);if(q&MAGNITUDE)>cE||e<dY{return 0u;}let f=bQ(dU(e),dU(p.m));if f.Ea<dV{return 0u;}let b=u32(-f.Ea);let c=select(f.Ta>>b,0u,b>=24u);let g=f.Ta-(c<<min(b,24u));let bZ=max(b,24u)-24u;let i=g<<(24u-min(b,24u));let j=i>>bZ;let m=i-(j<<bZ);let n=dZ(eA(j,0),m,(1u<<bZ)>>1u).Ta;let o=a>>8u;let r=(q&bL)!=0u;let A=select(j+u32(m!=0u)>o,o+n>=dW,r);let t=min(c+u32(A),p.Ga);return select(t,0u-t,r);}
fn eB(Ga:vec4u,a:vec4u)->vec4u{return vec4u(dX(Ga.x,a.x),dX(Ga.y,a.y),dX(Ga.z,a.z),dX(Ga.w,a.w));}
@compute@workgroup_size(WG_SIZE)fn quantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);if 16u*D>=p.e{return;}let f=vec4u(p.Va/4u+D,0u,0u,0u);let n=aI(aJ(aK[0],aK[1],aK[2],aK[3]+f));let e=array(n.a,n.b,n.i,n.d);for(var o=0u;o<4u;o++){let Ha=4u*D+o;aD[Ha]=eB(x[starts[0]/4u+Ha],e[o]);}}
`,
  unpack: `${columns}struct aA{bits:u32,e:u32,n:u32,o:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn aG(R:u32,Fa:u32)->u32{let C=Fa%32u*p.bits;let Ra=R+Fa/32u*p.bits+C/32u;let S=C%32u;var f=x[Ra]>>S;if S+p.bits>32u{f|=x[Ra+1u]<<(32u-S);}return f&(0xffffffffu>>(32u-p.bits));}
@compute@workgroup_size(WG_SIZE)fn unpack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);let Fa=4u*Ha;if Fa>=p.e{return;}for(var e=0u;e<p.n;e++){let R=starts[e];let Ga=vec4u(aG(R,Fa),aG(R,Fa+1u),aG(R,Fa+2u),aG(R,Fa+3u));aD[e*(p.o/4u)+Ha]=Ga;}}
`,
};
