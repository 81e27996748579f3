/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { chacha20, columns, scaled } from '../webgpu/shared-shaders.gen.ts';

export type ShaderName =
  | 'add_masks'
  | 'dequantize'
  | 'pack'
  | 'quantize'
  | 'unpack';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_masks: `${chacha20}struct aA{C:u32,Oa:u32,Pa:u32,f:u32,Ka:u32,Qa:u32,T:u32}
@group(0)@binding(0)var<storage,read>dN:array<vec4u>;
@group(0)@binding(1)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64u;
const dO=vec4u(0x61707865u,0x3320646eu,0x79622d32u,0x6b206574u);
fn add(Ra:u32,Ga:vec4u){atomicAdd(&aD[Ra],Ga.x);atomicAdd(&aD[Ra+1u],Ga.y);atomicAdd(&aD[Ra+2u],Ga.z);atomicAdd(&aD[Ra+3u],Ga.w);}
@compute@workgroup_size(WG_SIZE)fn add_masks(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=(p.Qa+a.x)*WG_SIZE+c;if n>=p.Pa{return;}let e=vec4u(p.f+n,0u,0u,0u);var g=aJ();let Ea=(p.T+a.y)*p.Ka;for(var Sa=Ea;Sa<min(p.C,Ea+p.Ka);Sa++){let b=aI(aJ(dO,dN[2u*Sa],dN[2u*Sa+1u],e));let f=select(0xffffffffu,1u,Sa<p.Oa);g.a+=f*b.a;g.b+=f*b.b;g.i+=f*b.i;g.d+=f*b.d;}add(16u*n,g.a);add(16u*n+4u,g.b);add(16u*n+8u,g.i);add(16u*n+12u,g.d);}
`,
  dequantize: `${columns}${scaled}struct aA{q:u32,e:u32,t:u32,above:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
const dP:u32=0x100000u;
fn dH(x:u32,a:u32)->vec2u{let X=vec2u(x>>16u,x&0xffffu);let Y=vec2u(a>>16u,a&0xffffu);let n=X.y*Y.y;let q=X.x*Y.y;let b=X.y*Y.x;let f=(n>>16u)+(q&0xffffu)+(b&0xffffu);let m=X.x*Y.x+(q>>16u)+(b>>16u)+(f>>16u);return vec2u(m,(f<<16u)|(n&0xffffu));}
fn dQ(q:u32)->u32{let a=bitcast<i32>(q<<p.above)>>p.above;if a==0{return 0u;}let e=u32(select(a,-a,a<0));let b=countLeadingZeros(e);let c=dH(e<<b,p.t);let f=dH(e<<b,(p.q&(dP-1u))|dP);let g=c.x+f.y;var i=vec3u(f.x+u32(g<c.x),g,c.y);var aV=i32(p.q>>20u)-1075+61-i32(b);if i.x<dP{i=(i<<vec3u(1u))|vec3u(i.yz>>vec2u(31u),0u);aV-=1;}if i.z>bH||(i.z==bH&&(i.y&1u)==1u){i.y+=1u;i.x+=u32(i.y==0u);if i.x==2u*dP{i.x=dP;aV+=1;}}let j=dR((i.x<<3u)|(i.y>>29u),aV);let m=i.y&0x1fffffffu;return(bitcast<u32>(a)&bH)|word_of(dS(j,m,0x10000000u));}
@compute@workgroup_size(WG_SIZE)fn dequantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}let Ga=x[starts[0]/4u+Ha];aD[Ha]=vec4u(dQ(Ga.x),dQ(Ga.y),dQ(Ga.z),dQ(Ga.w));}
`,
  pack: `${columns}struct aA{bits:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn pack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);let Ea=D/p.bits*32u;let o=D%p.bits*32u;if Ea+o/p.bits>=p.e{return;}let e=0xffffffffu>>(32u-p.bits);var q=0u;for(var Sa=o/p.bits;Sa*p.bits<o+32u;Sa++){let Fa=Ea+Sa;if Fa>=p.e{break;}let j=x[starts[0]+Fa]&e;let C=Sa*p.bits;if C<o{q|=j>>(o-C);}else{q|=j<<(C-o);}}aD[D]=q;}
`,
  quantize: `${columns}${chacha20}${scaled}struct aA{Ea:u32,e:u32,Ra:u32,Sa:u32,Ta:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>dT:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
const cA:u32=0x7f800000u;
const dU:i32= -47;
const dV:u32=0x1000000u;
fn dW(q:u32,a:u32)->u32{let e=min(q&MAGNITUDE,p.Ra);if(q&MAGNITUDE)>cA||e<dX{return 0u;}let j=bM(dY(e),dY(p.Sa));if j.Ca<dU{return 0u;}let b=u32(-j.Ca);let c=select(j.Ua>>b,0u,b>=24u);let f=j.Ua-(c<<min(b,24u));let bV=max(b,24u)-24u;let g=f<<(24u-min(b,24u));let i=g>>bV;let m=g-(i<<bV);let n=dS(dR(i,0),m,(1u<<bV)>>1u).Ua;let o=a>>8u;let r=(q&bH)!=0u;let A=select(i+u32(m!=0u)>o,o+n>=dV,r);let t=min(c+u32(A),p.Ea);return select(t,0u-t,r);}
fn dZ(Ga:vec4u,a:vec4u)->vec4u{return vec4u(dW(Ga.x,a.x),dW(Ga.y,a.y),dW(Ga.z,a.z),dW(Ga.w,a.w));}
@compute@workgroup_size(WG_SIZE)fn quantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);if 16u*D>=p.e{return;}let f=vec4u(p.Ta/4u+D,0u,0u,0u);let n=aI(aJ(dT[0],dT[1],dT[2],dT[3]+f));let e=array(n.a,n.b,n.i,n.d);for(var o=0u;o<4u;o++){let Ha=4u*D+o;aD[Ha]=dZ(x[starts[0]/4u+Ha],e[o]);}}
`,
  unpack: `${columns}struct aA{bits:u32,e:u32,j:u32,m:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn aG(R:u32,Fa:u32)->u32{let C=Fa%32u*p.bits;let Ra=R+Fa/32u*p.bits+C/32u;let S=C%32u;var j=x[Ra]>>S;if S+p.bits>32u{j|=x[Ra+1u]<<(32u-S);}return j&(0xffffffffu>>(32u-p.bits));}
@compute@workgroup_size(WG_SIZE)fn unpack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);let Fa=4u*Ha;if Fa>=p.e{return;}for(var e=0u;e<p.j;e++){let R=starts[e];let Ga=vec4u(aG(R,Fa),aG(R,Fa+1u),aG(R,Fa+2u),aG(R,Fa+3u));aD[e*(p.m/4u)+Ha]=Ga;}}
`,
};
