/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { chacha20, columns, scaled } from '../webgpu/shared-shaders.gen.ts';

export type ShaderName =
  | 'add_masks'
  | 'dequantize'
  | 'pack'
  | 'quantize'
  | 'unpack';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_masks: `${chacha20}struct aA{C:u32,Oa:u32,Pa:u32,f:u32,Ka:u32,Qa:u32}
@group(0)@binding(0)var<storage,read>dM:array<vec4u>;
@group(0)@binding(1)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64u;
const dN=vec4u(0x61707865u,0x3320646eu,0x79622d32u,0x6b206574u);
fn add(Ra:u32,Ga:vec4u){atomicAdd(&aD[Ra],Ga.x);atomicAdd(&aD[Ra+1u],Ga.y);atomicAdd(&aD[Ra+2u],Ga.z);atomicAdd(&aD[Ra+3u],Ga.w);}
@compute@workgroup_size(WG_SIZE)fn add_masks(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let D=p.Qa+a.x;let b=(p.Pa+WG_SIZE-1u)/WG_SIZE;let n=D%b*WG_SIZE+c;if n>=p.Pa{return;}let e=vec4u(p.f+n,0u,0u,0u);var g=aJ();let Ea=D/b*p.Ka;for(var Sa=Ea;Sa<min(p.C,Ea+p.Ka);Sa++){let f=aI(aJ(dN,dM[2u*Sa],dM[2u*Sa+1u],e));let i=select(0xffffffffu,1u,Sa<p.Oa);g.a+=i*f.a;g.b+=i*f.b;g.i+=i*f.i;g.d+=i*f.d;}add(16u*n,g.a);add(16u*n+4u,g.b);add(16u*n+8u,g.i);add(16u*n+12u,g.d);}
`,
  dequantize: `${columns}${scaled}struct aA{Ra:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn dO(q:u32)->u32{let a=(q&bH)!=0u;let b=dP(select(q,0u-q,a));if b.Sa==0u{return 0u;}return(q&bH)|word_of(bM(b,dQ(p.Ra)));}
@compute@workgroup_size(WG_SIZE)fn dequantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}let Ga=x[starts[0]/4u+Ha];aD[Ha]=vec4u(dO(Ga.x),dO(Ga.y),dO(Ga.z),dO(Ga.w));}
`,
  pack: `${columns}struct aA{bits:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn pack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);let Ea=D/p.bits*32u;let o=D%p.bits*32u;if Ea+o/p.bits>=p.e{return;}let e=0xffffffffu>>(32u-p.bits);var q=0u;for(var Sa=o/p.bits;Sa*p.bits<o+32u;Sa++){let Fa=Ea+Sa;if Fa>=p.e{break;}let f=x[starts[0]+Fa]&e;let C=Sa*p.bits;if C<o{q|=f>>(o-C);}else{q|=f<<(C-o);}}aD[D]=q;}
`,
  quantize: `${columns}${chacha20}${scaled}struct aA{Ea:u32,e:u32,Ta:u32,Ra:u32,Ua:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>dR:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
const cA:u32=0x7f800000u;
const dS:i32= -47;
const dT:u32=0x1000000u;
fn dU(q:u32,a:u32)->u32{let e=min(q&MAGNITUDE,p.Ta);if(q&MAGNITUDE)>cA||e<dV{return 0u;}let f=bM(dQ(e),dQ(p.Ra));if f.Ca<dS{return 0u;}let b=u32(-f.Ca);let c=select(f.Sa>>b,0u,b>=24u);let g=f.Sa-(c<<min(b,24u));let bV=max(b,24u)-24u;let i=g<<(24u-min(b,24u));let j=i>>bV;let m=i-(j<<bV);let n=dW(dX(j,0),m,(1u<<bV)>>1u).Sa;let o=a>>8u;let r=(q&bH)!=0u;let A=select(j+u32(m!=0u)>o,o+n>=dT,r);let t=min(c+u32(A),p.Ea);return select(t,0u-t,r);}
fn dY(Ga:vec4u,a:vec4u)->vec4u{return vec4u(dU(Ga.x,a.x),dU(Ga.y,a.y),dU(Ga.z,a.z),dU(Ga.w,a.w));}
@compute@workgroup_size(WG_SIZE)fn quantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);if 16u*D>=p.e{return;}let f=vec4u(p.Ua/4u+D,0u,0u,0u);let n=aI(aJ(dR[0],dR[1],dR[2],dR[3]+f));let e=array(n.a,n.b,n.i,n.d);for(var o=0u;o<4u;o++){let Ha=4u*D+o;aD[Ha]=dY(x[starts[0]/4u+Ha],e[o]);}}
`,
  unpack: `${columns}struct aA{bits:u32,e:u32,j:u32,m:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn aG(R:u32,Fa:u32)->u32{let C=Fa%32u*p.bits;let Ra=R+Fa/32u*p.bits+C/32u;let S=C%32u;var f=x[Ra]>>S;if S+p.bits>32u{f|=x[Ra+1u]<<(32u-S);}return f&(0xffffffffu>>(32u-p.bits));}
@compute@workgroup_size(WG_SIZE)fn unpack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);let Fa=4u*Ha;if Fa>=p.e{return;}for(var e=0u;e<p.j;e++){let R=starts[e];let Ga=vec4u(aG(R,Fa),aG(R,Fa+1u),aG(R,Fa+2u),aG(R,Fa+3u));aD[e*(p.m/4u)+Ha]=Ga;}}
`,
};
