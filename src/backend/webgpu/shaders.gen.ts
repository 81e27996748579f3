/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const bH:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cJ:u32=0x7f800000u;
const bL:u32=0x7fc00000u;
const aY:i32= -100000;
fn bA(q:u32)->bool{return(q&cJ)!=cJ;}
fn dN(q:u32)->bool{return(q&MAGNITUDE)>cJ;}
fn bB(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aY;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn bD(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var f=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let a=23u-firstLeadingBit(e);f=(e<<a)&0x007fffffu;b=1-i32(a);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bH)|(u32(min(b,254))<<23u)|f);}
fn power(bB:i32)->f32{return bitcast<f32>(u32(max(bB,-127)+127)<<23u);}
fn aV(m:f32,S:i32)->u32{let q=bitcast<u32>(m);let i=q&bH;let e=q&MAGNITUDE;if e<0x00800000u{return i;}let b=i32(e>>23u)+S;let f=e&0x007fffffu;if b>=255{return i|cJ;}if b>0{return i|(u32(b)<<23u)|f;}let cE=1-b;if cE>24{return i;}let a=f|0x00800000u;let c=a>>u32(cE);let g=a&((1u<<u32(cE))-1u);let j=1u<<u32(cE-1);let n=g>j||(g==j&&(c&1u)==1u);return i|(c+u32(n));}
const eC:u32=0x007fffffu;
const eD:u32=0xff000001u;
fn key_of(q:u32)->u32{let r=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(r|bH))-eC;}
fn finite_word(B:u32)->u32{let flipped=B+eC;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bH);}
fn word_of(B:u32)->u32{return select(finite_word(B),bL,B>eD);}
`;

const chacha20 = `struct aJ{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn eE(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn eF(aM:aJ)->aJ{var e=aM;e.a+=e.b;e.d=eE(e.d^e.a,16u);e.i+=e.d;e.b=eE(e.b^e.i,12u);e.a+=e.b;e.d=eE(e.d^e.a,8u);e.i+=e.d;e.b=eE(e.b^e.i,7u);return e;}
fn aI(aM:aJ)->aJ{var e=aM;for(var a=0u;a<20u;a+=2u){e=eF(e);e=eF(aJ(e.a,e.b.yzwx,e.i.zwxy,e.d.wxyz));e=aJ(e.a,e.b.wxyz,e.i.zwxy,e.d.yzwx);}return aJ(e.a+aM.a,e.b+aM.b,e.i+aM.i,e.d+aM.d);}
`;

const columns = `override WG_SIZE:u32=64;
fn aH(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

const distance = `const bP:u32=0xffffffffu;
const eG:u32=0x0c800000u;
const eH:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=eG&&e<eH);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bQ(q:u32,e:u32)->u32{if q==e&& !dN(q){return 0u;}if!bA(q)|| !bA(e){return bP;}let t=max(bB(q),bB(e));let A=bitcast<u32>(bD(q,-t)-bD(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bS(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bQ(q,e);}
`;

const ends = `struct eI{H:u32,G:u32}
fn cT(Fa:u32)->eI{var e=eI();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.C;o++){let B=cS(o,Fa);a+=u32(B<(e.H|C));i+=u32(B<(e.G|C));}if a<=p.begin{e.H|=C;}if i<=p.end-1u{e.G|=C;}}return e;}
`;

const kept = `const eJ:i32= -80;
struct eK{least:u32,Wa:u32,top:i32,sum:bM}
fn nothing_kept()->eK{return eK(0xffffffffu,0u,eJ,bM());}
fn eL(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,eJ,126);}
fn widened(kept:eK,i:u32,a:u32)->eK{let t=max(kept.top,max(eL(i),eL(a)));let cE=power(kept.top-t);let g=bM(kept.sum.G*cE,kept.sum.H*cE);return eK(min(kept.least,i),max(kept.Wa,a),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:eK,Fa:u32,o:u32,r:u32)->u32{if kept.least==kept.Wa{return word_of(kept.least);}if kept.top==eJ{return cU(Fa,kept.least,kept.Wa,o,r);}var z=aZ(kept.sum,0u);eM(word_of(kept.least),&z);eM(word_of(kept.Wa),&z);return bE(z,f32(r-o),kept.top,p.zero);}
fn cU(Fa:u32,i:u32,a:u32,o:u32,r:u32)->u32{if i==a{return word_of(i);}var t=aY;var z=aZ();bR(word_of(i),&t,&z);bR(word_of(a),&t,&z);if z.J==0u{var b=0u;var c=0u;for(var e=0u;e<p.C;e++){let q=x[starts[e]+Fa];let B=key_of(q);b+=u32(B<=i);c+=u32(B<a);if B<=i||B>=a{continue;}z.sum=add(z.sum,bD(q,-t),p.zero);}let f=f32(b-o)*bD(word_of(i),-t);let g=f32(r-c)*bD(word_of(a),-t);z.sum=add(add(z.sum,f,p.zero),g,p.zero);}return bE(z,f32(r-o),t,p.zero);}
`;

const scaled = `const MAGNITUDE:u32=0x7fffffffu;
const bH:u32=0x80000000u;
const cO:u32=0x00800000u;
struct cQ{K:u32,Ea:i32}
fn bK(e:u32)->cQ{return cQ((e&(cO-1u))|cO,i32(e>>23u)-150);}
fn word_of(m:cQ)->u32{if m.K==0u{return 0u;}return(u32(m.Ea+150)<<23u)|(m.K&(cO-1u));}
fn cP(m:cQ,g:u32,j:u32)->cQ{let n=g>j||(g==j&&g!=0u&&(m.K&1u)==1u);let a=m.K+u32(n);if a==2u*cO{return cQ(cO,m.Ea+1);}return cQ(a,m.Ea);}
fn bI(e:u32)->cQ{if e==0u{return cQ(0u,0);}let t=firstLeadingBit(e);if t<=23u{return cQ(e<<(23u-t),i32(t)-23);}let cE=t-23u;let g=e&((1u<<cE)-1u);return cP(cQ(e>>cE,i32(cE)),g,1u<<(cE-1u));}
fn bJ(Y:cQ,Z:cQ)->cQ{let x=vec2u(Y.K>>12u,Y.K&0xfffu);let a=vec2u(Z.K>>12u,Z.K&0xfffu);let f=x.x*a.y+x.y*a.x;let n=x.y*a.y+((f&0xfffu)<<12u);var m=x.x*a.x+(f>>12u)+(n>>24u);var g=n&0xffffffu;var bB=Y.Ea+Z.Ea+24;if m<cO{m=(m<<1u)|(g>>23u);g=(g<<1u)&0xffffffu;bB-=1;}return cP(cQ(m,bB),g,cO);}
`;

const sum = `override compensated:bool=true;
struct bM{G:f32,H:f32}
fn bN(m:f32,a:u32)->f32{return bitcast<f32>(bitcast<u32>(m)^a);}
fn scaled_by(m:f32,a:f32,b:u32)->f32{return bN(m*a,b);}
fn eN(Y:f32,Z:f32,b:u32)->bM{let e=bN(Y+Z,b);if!compensated{return bM(e,0.0);}let a=bN(e-Y,b);let c=bN(e-a,b);return bM(e,(Y-c)+(Z-a));}
fn add(g:bM,m:f32,b:u32)->bM{let c=eN(g.G,m,b);return bM(c.G,g.H+c.H);}
fn bW(Y:bM,Z:bM,b:u32)->bM{let c=eN(Y.G,Z.G,b);return bM(c.G,c.H+(Y.H+Z.H));}
struct aZ{sum:bM,J:u32}
const eO:u32=1u;
const eP:u32=2u;
const eQ:u32=4u;
fn bC(q:u32,a:u32)->u32{if dN(q){return eQ;}return select(eO,eP,((q^a)&bH)!=0u);}
fn eM(q:u32,z:ptr<function,aZ>){if!bA(q){(*z).J|=bC(q,0u);}}
fn bR(q:u32,t:ptr<function,i32>,z:ptr<function,aZ>){if bA(q){*t=max(*t,bB(q));}eM(q,z);}
fn eR(g:bM,a:f32,b:u32)->f32{let Ea=bN((g.G+g.H)/a,b);let c=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bN(Ea-c,b);let f=bN(bN(g.G-c*a,b)-e*a,b);return Ea+(f+g.H)/a;}
fn bE(z:aZ,a:f32,S:i32,b:u32)->u32{switch z.J{case 0u:{return aV(eR(z.sum,a,b),S);}case eO:{return cJ;}case eP:{return cJ|bH;}default:{return bL;}}}
`;

const sums = `struct aU{G:vec4f,H:vec4f,I:vec4f}
fn eS(t:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(b));}
fn bF(y:aU,a:vec4f,b:u32)->aU{let c=max(y.I,abs(a));let e=eS(y.G+a,b);if!compensated{return aU(e,y.H,c);}let f=eS(e-y.G,b);let g=eS(e-f,b);return aU(e,y.H+((y.G-g)+(a-f)),c);}
`;

const triangle = `fn bV(D:u32,Oa:u32)->vec2u{var e=0u;var g=D;while g>=Oa-e{g-=Oa-e;e++;}return vec2u(e,e+g);}
`;

const words = `const bH:u32=0x80000000u;
fn flipped(q:u32)->u32{return q^bH;}
`;

export type ShaderName =
  | 'add_lattice_noise'
  | 'add_masks'
  | 'add_simulated_noise'
  | 'combine'
  | 'dequantize'
  | 'deviation'
  | 'nearest_mean'
  | 'nearest_mean_search'
  | 'pack'
  | 'pair_sums'
  | 'pairs'
  | 'quantize'
  | 'rank_mean'
  | 'rank_mean_search'
  | 'rank_mean_split'
  | 'rank_mean_stream'
  | 'rank_sum'
  | 'rank_sum_search'
  | 'screen'
  | 'self_test'
  | 'sign_sum'
  | 'squared_distances'
  | 'sum_rows'
  | 'unpack'
  | 'widen';

export const shaders: Readonly<Record<ShaderName, string>> = {
  add_lattice_noise: `${columns}${chacha20}struct aA{c:u32,e:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aB:array<vec4u>;
@group(0)@binding(3)var<storage,read>aC:array<vec4u>;
@group(0)@binding(4)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(5)var<uniform>p:aA;
const aE:u32=4u;
fn aF(a:vec4u,b:vec4u)->u32{let c=a.x&b.y;let aG=aB[b.x+c];let e=a.yzw<aG.xyz;let f=a.yzw==aG.xyz;let g=e.z|(f.z&(e.y|(f.y&e.x)));return select(aG.w,c-b.z,g);}
@compute@workgroup_size(WG_SIZE)fn add_lattice_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let f=p.f+e;var g=x[starts[0]/4u+e];for(var i=0u;i<p.c;i++){let j=aC[aE+i];let m=aC[3]+vec4u(f,0u,0u,i);let n=aI(aJ(aC[0],aC[1],aC[2],m));g+=j.w*vec4u(aF(n.a,j),aF(n.b,j),aF(n.i,j),aF(n.d,j));}aD[e]=g;}
`,
  add_masks: `${chacha20}struct aA{j:u32,m:u32,n:u32,f:u32,o:u32,q:u32,t:u32}
@group(0)@binding(0)var<storage,read>aK:array<vec4u>;
@group(0)@binding(1)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64u;
const aL=vec4u(0x61707865u,0x3320646eu,0x79622d32u,0x6b206574u);
fn add(a:u32,b:vec4u){atomicAdd(&aD[a],b.x);atomicAdd(&aD[a+1u],b.y);atomicAdd(&aD[a+2u],b.z);atomicAdd(&aD[a+3u],b.w);}
@compute@workgroup_size(WG_SIZE)fn add_masks(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=(p.q+a.x)*WG_SIZE+c;if n>=p.n{return;}let m=vec4u(p.f+n,0u,0u,0u);var g=aJ();let b=(p.t+a.y)*p.o;for(var e=b;e<min(p.j,b+p.o);e++){let f=aI(aJ(aL,aK[2u*e],aK[2u*e+1u],m));let i=select(0xffffffffu,1u,e<p.m);g.a+=i*f.a;g.b+=i*f.b;g.i+=i*f.i;g.d+=i*f.d;}add(16u*n,g.a);add(16u*n+4u,g.b);add(16u*n+8u,g.i);add(16u*n+12u,g.d);}
`,
  add_simulated_noise: `${columns}${chacha20}struct aA{A:u32,e:u32,B:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aM:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const aN=vec4u(0x3f3504f3u);
fn aO(b:vec4u)->vec4f{let a=bitcast<vec4u>(vec4f((b>>vec4u(8u))+1u))-aN;let c=bitcast<vec4f>((a&vec4u(0x7fffffu))+aN);let e=(c-1.0)/(c+1.0);let f=e*e;let g=e*(2.0+f*(2.0/3.0+f*(2.0/5.0+f*(2.0/7.0+f*(2.0/9.0)))));return(24.0-vec4f(a>>vec4u(23u)))*0.69314718-g;}
fn aP(b:vec4u)->vec4f{let a=abs(vec4f(b>>vec4u(8u))*0x1p-22-2.0)-1.0;let f=a*a;let c= -4.6817541e-3+f*(1.6044118e-4-f*3.5988432e-6);return a*(1.5707964+f*(-0.6459641+f*(0.079692626+f*c)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let f=vec4u(p.f+e,0u,0u,0u);let n=aI(aJ(aM[0],aM[1],aM[2],aM[3]+f));let g=aO(vec4u(n.a.x,n.b.x,n.i.x,n.d.x));let i=vec4u(n.a.y,n.b.y,n.i.y,n.d.y);var aF=sqrt(2.0*g)*aP(i);if p.A==1u{aF=select(g,-g,i>=vec4u(0x80000000u));}aD[e]=x[starts[0]/4u+e]+bitcast<f32>(p.B)*aF;}
`,
  combine: `${bits}${sum}${sums}${columns}struct aA{C:u32,e:u32,D:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aQ:array<vec4u>;
@group(0)@binding(3)var<storage,read>aR:array<vec2u>;
@group(0)@binding(4)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(5)var<uniform>p:aA;
override OUTPUTS:u32=1;
const aS:u32=0x6f800000u;
struct aT{F:u32,col:u32}
fn write(a:aU,b:vec4u,c:vec2u,e:aT,f:u32)->u32{let g=e.F+f;if g>=p.E{return 0u;}let i=bitcast<i32>(c.x);let j=a.G+a.H;aD[(g*p.D+e.col)/4u]=vec4u(aV(j.x,i),aV(j.y,i),aV(j.z,i),aV(j.w,i));let m=(a.I>=vec4f(bitcast<f32>(c.y)))&(b<vec4u(aS));let n= !(m|(b==vec4u()));return dot(vec4u(n),vec4u(1u,2u,4u,8u))<<(4u*f);}
fn aW(a:u32,b:u32)->u32{let c=starts[a]+b;return x[c/4u][c%4u];}
fn aX(g:u32,b:u32)->u32{let a=g*p.C;var c=aY;var e=aZ();for(var f=0u;f<p.C;f++){let i=aR[a+f];if i.x==0u{continue;}let j=aW(f,b);if bA(j){c=max(c,bB(j)+bitcast<i32>(i.y));}else{e.J|=bC(j,i.x);}}for(var f=0u;f<p.C&&e.J==0u;f++){let i=aR[a+f];if i.x==0u{continue;}let m=bD(aW(f,b),bitcast<i32>(i.y)-c);e.sum=add(e.sum,bitcast<f32>(i.x)*m,p.zero);}return bE(e,1.0,c,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aT(a.z*OUTPUTS,4u*aH(a,b,c));if e.col>=p.e{return;}let f=a.z*(p.C+2u);var g=vec4u();var i=aU();var j=i;var m=i;var n=i;for(var o=0u;o<p.C;o++){let q=aQ[f+2u+o];if all(q==vec4u()){continue;}let r=x[(starts[o]+e.col)/4u];g=max(g,r&vec4u(MAGNITUDE));let t=bitcast<vec4f>(r);let y=bitcast<vec4f>(q);i=bF(i,y.x*t,p.zero);if OUTPUTS>1u{j=bF(j,y.y*t,p.zero);}if OUTPUTS>2u{m=bF(m,y.z*t,p.zero);}if OUTPUTS>3u{n=bF(n,y.w*t,p.zero);}}let z=aQ[f];let A=aQ[f+1u];var B=write(i,g,vec2u(z.x,A.x),e,0u);if OUTPUTS>1u{B|=write(j,g,vec2u(z.y,A.y),e,1u);}if OUTPUTS>2u{B|=write(m,g,vec2u(z.z,A.z),e,2u);}if OUTPUTS>3u{B|=write(n,g,vec2u(z.w,A.w),e,3u);}for(;B>0u;B&=B-1u){let C=firstTrailingBit(B);let D=e.F+C/4u;let E=e.col+C%4u;if E>=p.e{continue;}aD[(D*p.D+E)/4u][E%4u]=aX(D,E);}}
`,
  dequantize: `${columns}${scaled}struct aA{B:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn bG(j:u32)->u32{let a=(j&bH)!=0u;let b=bI(select(j,0u-j,a));if b.K==0u{return 0u;}return(j&bH)|word_of(bJ(b,bK(p.B)));}
@compute@workgroup_size(WG_SIZE)fn dequantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let r=x[starts[0]/4u+e];aD[e]=vec4u(bG(r.x),bG(r.y),bG(r.z),bG(r.w));}
`,
  deviation: `${bits}${sum}${columns}struct aA{C:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}var e=aY;for(var o=0u;o<p.C;o++){let j=x[starts[o]+E];if!bA(j){aD[E]=bL;return;}e=max(e,bB(j));}var g=bM();for(var o=0u;o<p.C;o++){g=add(g,bD(x[starts[o]+E],-e),p.zero);}let f=bN((g.G+g.H)/f32(p.C),p.zero);var i=bM();var m=bM();for(var o=0u;o<p.C;o++){let n=bN(bD(x[starts[o]+E],-e)-f,p.zero);i=add(i,n*n,p.zero);m=add(m,n,p.zero);}let q=m.G+m.H;let r=max(0.0,i.G+i.H-q*q/f32(p.C));aD[E]=aV(sqrt(r/f32(p.C-1u)),e);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{C:u32,e:u32,j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bO:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}let center=bO[col];#slot sort
if tame{var far=bP;var left=p.j;var largest=0u;var bits=0u;var total=aZ();#slot tame
aD[col]=select(bE(total,f32(p.j),top,p.zero),bits,p.j==1u);return;}#slot list
for(var o=0u;o<p.C;o++){away[o]=bQ(words[o],center);}var far=bP;for(var o=0u;o+p.j<=p.C;o++){far=min(far,max(away[o],away[o+p.j-1u]));}var left=p.j;for(var o=0u;o<p.C;o++){left-=u32(away[o]<far);}var c=0u;for(var o=0u;o<p.C;o++){if away[o]>far||(away[o]==far&&left==0u){continue;}left-=u32(away[o]==far);words[c]=words[o];c++;}if p.j==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aY;var total=aZ();for(var o=0u;o<p.j;o++){bR(words[o],&top,&total);}for(var o=0u;o<p.j&&total.J==0u;o++){total.sum=add(total.sum,bD(words[o],-top),p.zero);}aD[col]=bE(total,f32(p.j),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{C:u32,e:u32,j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bO:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}let e=bO[E];var f=is_tame(e);for(var o=0u;o<p.C&&f;o++){f=is_tame(x[starts[o]+E]);}var g=0u;for(var C=bH;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.C;o++){i+=u32(bS(x[starts[o]+E],e,f)<(g|C));}if i<p.j{g|=C;}}var j=0u;for(var o=0u;o<p.C;o++){j+=u32(bS(x[starts[o]+E],e,f)<g);}let m=p.j-j-1u;var n=0u;for(var C=bH;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let r=bS(q,e,f)==g;i+=u32(r&&key_of(q)<(n|C));}if i<=m{n|=C;}}if p.j==1u{aD[E]=word_of(n);return;}var t=aY;var y=0u;var z=aZ();for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let A=bS(q,e,f);let B=key_of(q);if A>g||(A==g&&B>n){continue;}y+=u32(A==g&&B<n);bR(q,&t,&z);}if z.J==0u{for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let A=bS(q,e,f);if A<g||(A==g&&key_of(q)<n){z.sum=add(z.sum,bD(q,-t),p.zero);}}let D=f32(p.j-j-y);z.sum=add(z.sum,D*bD(word_of(n),-t),p.zero);}aD[E]=bE(z,f32(p.j),t,p.zero);}
`,
  pack: `${columns}struct aA{bits:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn pack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);let f=e/p.bits*32u;let g=e%p.bits*32u;if f+g/p.bits>=p.e{return;}let i=0xffffffffu>>(32u-p.bits);var q=0u;for(var j=g/p.bits;j*p.bits<g+32u;j++){let E=f+j;if E>=p.e{break;}let m=x[starts[0]+E]&i;let C=j*p.bits;if C<g{q|=m>>(g-C);}else{q|=m<<(C-g);}}aD[e]=q;}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{L:u32,M:u32,N:u32,O:u32,P:u32,Q:u32,R:u32,S:u32,T:u32,U:u32,zero:u32}
@group(0)@binding(0)var<storage,read>bT:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bU:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let b=a.y*WG_SIZE+c;let e=a.x;let f=bV(p.N+e,p.O);let g=f.x==f.y;let i=select(p.Q,p.P,g);let j=select(p.S,p.R,g);if b>=16u*i{return;}let m=a.z*p.U;let n=min(p.T,m+p.U);var bJ=bM();var o=bM();for(var q=m;q<n;q++){let r=(q*p.L+e)*bU+(b/i)*256u+b%i;for(var t=0u;t<j;t++){let y=bT[r+t*i];bJ=bW(bJ,bM(y.x,y.y),p.zero);o=bW(o,bM(y.z,y.w),p.zero);}}aD[(a.z*p.L+e)*p.M+b]=vec4f(bJ.G,bJ.H,o.G,o.H);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bX:i32=100000;
const WG_SIZE:u32=256;
const bY:u32=8;
const RUNS:u32=4;
struct aA{C:u32,e:u32,V:u32,W:u32,U:u32,O:u32,X:u32,Y:u32,R:u32,S:u32,Z:u32,Aa:u32,t:u32,N:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bZ:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>cA:array<vec4f,1024>;
const cB:u32=512;
struct cC{G:vec4f,H:vec4f}
fn cD(i:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(i+vec4i(127),vec4i()))<<vec4u(23u));}
fn cE(a:i32,b:vec4i)->vec4f{return cD(vec4i(a)-max(vec4i(a),b));}
fn cF(m:u32,a:u32)->vec4i{let c=vec4u(m)+min(vec4u(a)+vec4u(0u,1u,2u,3u),vec4u(p.C-1u));return vec4i(bZ[c.x],bZ[c.y],bZ[c.z],bZ[c.w]);}
fn cG(t:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(p.zero));}
fn cH(a:vec4f,b:vec4f)->cC{let c=cG(a+b);if!compensated{return cC(c,vec4f());}return cC(c,b-cG(c-a));}
fn cI(r:vec4u,y:f32,a:f32)->vec4f{let b=r&vec4u(cJ);let c=select(r,vec4u(),b==vec4u(cJ));let e=vec4f(c&vec4u(0x007fffffu))*a;let f=bitcast<vec4f>(bitcast<vec4u>(e)|(c&vec4u(bH)));return select(bitcast<vec4f>(c)*y,f,b==vec4u());}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=p.N+a.x;let f=bV(e,p.O);let g=f.x;let i=f.y;let j=g==i;let m=p.O*(p.O+1u)/2u;let q=p.t+a.y;let n=q/p.U;let o=n*p.V+(q%p.U)*p.W;let r=min(p.e,min((n+1u)*p.V,o+p.W));let t=n*(p.C+m);let y=bZ[t+p.C+e];if general!=(y==bX){return;}let z=select(p.S,p.R,j);let A=select(p.Aa,p.Z,j);let B=select(p.Y*p.Y,p.Y*(p.Y+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.Y,D%p.Y);if j{E=bV(D,p.Y);}let F=E.x;let G=E.y;let H=select(cB,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.Y;let L=4u*(J/p.Y);let M=select(g,i,I)*p.X+4u*K;let N=select(0u,cB,I)+L*p.Y+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.C);let Q=min(O,vec4u(p.C-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);var S=vec4i(-y);if general{S= -cF(t,M);}let T=cD(S);let U=cD(S-vec4i(149));var V=mat4x4f();var W=mat4x4f();if general{let X=cF(t,g*p.X+4u*F);let Y=cF(t,i*p.X+4u*G);V=mat4x4f(cE(X.x,Y),cE(X.y,Y),cE(X.z,Y),cE(X.w,Y));W=transpose(mat4x4f(cE(Y.x,X),cE(Y.y,X),cE(Y.z,X),cE(Y.w,X)));}var Z=mat4x4f();var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=0u;for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Ga=mat4x4f();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ia=x[Ha.x];let Ja=x[Ha.y];let Ka=x[Ha.z];let La=x[Ha.w];let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Ga[0]=cI(select(vec4u(),Ia,Ma&vec4<bool>(P.x)),T.x,U.x);Ga[1]=cI(select(vec4u(),Ja,Ma&vec4<bool>(P.y)),T.y,U.y);Ga[2]=cI(select(vec4u(),Ka,Ma&vec4<bool>(P.z)),T.z,U.z);Ga[3]=cI(select(vec4u(),La,Ma&vec4<bool>(P.w)),T.w,U.w);}let Na=transpose(Ga);cA[N]=Na[0];cA[N+p.Y]=Na[1];cA[N+2u*p.Y]=Na[2];cA[N+3u*p.Y]=Na[3];}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bY*z){var bJ=mat4x4f();var Qa=mat4x4f();var Ra=Pa*p.Y;for(var Sa=0u;Sa<bY;Sa++){let X=cA[Ra+F];let Y=cA[H+Ra+G];Ra+=z*p.Y;bJ[0]=fma(vec4f(X.x),Y,bJ[0]);bJ[1]=fma(vec4f(X.y),Y,bJ[1]);bJ[2]=fma(vec4f(X.z),Y,bJ[2]);bJ[3]=fma(vec4f(X.w),Y,bJ[3]);var Ta=X.x-Y;var Ua=X.y-Y;var Va=X.z-Y;var Wa=X.w-Y;if general{Ta=X.x*V[0]-Y*W[0];Ua=X.y*V[1]-Y*W[1];Va=X.z*V[2]-Y*W[2];Wa=X.w*V[3]-Y*W[3];}Qa[0]=fma(Ta,Ta,Qa[0]);Qa[1]=fma(Ua,Ua,Qa[1]);Qa[2]=fma(Va,Va,Qa[2]);Qa[3]=fma(Wa,Wa,Qa[3]);}Aa+=bJ;Ca+=Qa;Da++;if Da%RUNS==0u{cK(&Z,&Aa);cK(&Ba,&Ca);}}}workgroupBarrier();}if C>=z{return;}cK(&Z,&Aa);cK(&Ba,&Ca);let Xa=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Xa,Z[0],Aa[0],Ba[0],Ca[0]);write(Xa+4u*WG_SIZE,Z[1],Aa[1],Ba[1],Ca[1]);write(Xa+8u*WG_SIZE,Z[2],Aa[2],Ba[2],Ca[2]);write(Xa+12u*WG_SIZE,Z[3],Aa[3],Ba[3],Ca[3]);}
fn write(Ra:u32,Z:vec4f,Aa:vec4f,Ba:vec4f,Ca:vec4f){let a=transpose(mat4x4f(Z,Aa,Ba,Ca));aD[Ra]=a[0];aD[Ra+WG_SIZE]=a[1];aD[Ra+2u*WG_SIZE]=a[2];aD[Ra+3u*WG_SIZE]=a[3];}
fn cK(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let X=cH((*a)[0],(*b)[0]);let Y=cH((*a)[1],(*b)[1]);let m=cH((*a)[2],(*b)[2]);let n=cH((*a)[3],(*b)[3]);*a=mat4x4f(X.G,Y.G,m.G,n.G);*b=mat4x4f(X.H,Y.H,m.H,n.H);}
`,
  quantize: `${columns}${chacha20}${scaled}struct aA{Ba:u32,e:u32,Ca:u32,B:u32,Da:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aM:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
const cJ:u32=0x7f800000u;
const cL:i32= -47;
const cM:u32=0x1000000u;
fn cN(q:u32,a:u32)->u32{let b=min(q&MAGNITUDE,p.Ca);if(q&MAGNITUDE)>cJ||b<cO{return 0u;}let m=bJ(bK(b),bK(p.B));if m.Ea<cL{return 0u;}let c=u32(-m.Ea);let e=select(m.K>>c,0u,c>=24u);let f=m.K-(e<<min(c,24u));let cE=max(c,24u)-24u;let g=f<<(24u-min(c,24u));let i=g>>cE;let j=g-(i<<cE);let n=cP(cQ(i,0),j,(1u<<cE)>>1u).K;let o=a>>8u;let r=(q&bH)!=0u;let A=select(i+u32(j!=0u)>o,o+n>=cM,r);let t=min(e+u32(A),p.Ba);return select(t,0u-t,r);}
fn cR(Ga:vec4u,a:vec4u)->vec4u{return vec4u(cN(Ga.x,a.x),cN(Ga.y,a.y),cN(Ga.z,a.z),cN(Ga.w,a.w));}
@compute@workgroup_size(WG_SIZE)fn quantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);if 16u*D>=p.e{return;}let f=vec4u(p.Da/4u+D,0u,0u,0u);let n=aI(aJ(aM[0],aM[1],aM[2],aM[3]+f));let e=array(n.a,n.b,n.i,n.d);for(var o=0u;o<4u;o++){let Ha=4u*D+o;aD[Ha]=cR(x[starts[0]/4u+Ha],e[o]);}}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct aA{C:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_mean_search: `${bits}${sum}${columns}${ends}${kept}struct aA{C:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cS(a:u32,Fa:u32)->u32{return key_of(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cT(Fa);aD[Fa]=cU(Fa,e.H,e.G,p.begin,p.end);}
`,
  rank_mean_split: `${bits}${sum}${columns}${kept}struct aA{C:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
override RUNS:u32=2;
const DROPPED:u32=0xffffffffu;
override WORDS:u32=4096;
var<workgroup>sh_keys:array<u32,WORDS>;
struct cV{run:i32,Fa:u32,Ga:u32}
struct cW{at:u32,Ha:bool,Ia:u32,Ja:bool}
fn facing(E:cV,g:i32)->cW{let a=i32(RUNS/2u);let b=g-E.run;let c=b<0||b>=a;let Ra=(E.Fa+u32(clamp(b,0,a-1)))*WG_SIZE+E.Ga;let e=select(0u,DROPPED,b>=a);return cW(Ra,c,e,!c&&E.Fa>0u);}
fn met(a:cW,b:u32)->u32{return select(b,a.Ia,a.Ha);}
fn is_lower(B:u32,a:cW,b:u32)->bool{let met=met(a,b);return B<met||(B==met&&a.Ja);}
fn kept_value(B:u32,a:f32)->f32{return select(value_of(B,a),0.0,B==DROPPED);}
fn key_at(a:u32,Fa:u32)->u32{if a>=p.C{return DROPPED;}return min(key_of(x[starts[a]+Fa]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32){let e=aH(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var g=1u;g<RUNS/2u;g*=2u){{let f=run^(2u*g-1u);let partner=f*WG_SIZE+c.x;let lower=run<f;#slot end_to_end
}for(var i=g/2u;i>0u;i/=2u){let f=run^i;let partner=f*WG_SIZE+c.x;let lower=run<f;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cV(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var f=c.x;f<WG_SIZE*RUNS;f+=WG_SIZE){least=min(least,sh_keys[f]);above=max(above,sh_keys[WG_SIZE*RUNS+f]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.G);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.H);workgroupBarrier();if run>0u||e>=p.e{return;}for(var f=c.x+WG_SIZE;f<WG_SIZE*RUNS;f+=WG_SIZE){let m=bitcast<f32>(sh_keys[f]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+f]);kept.sum=bW(kept.sum,bM(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct aA{C:u32,e:u32,begin:u32,end:u32,Ka:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_stream(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}var kept=nothing_kept();var row=p.begin+p.C-p.end;#slot fill
for(;row+p.Ka<=p.C;row+=p.Ka){#slot step
}for(;row<p.C;row++){#slot insert
}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_sum: `${columns}${words}struct aA{C:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_sum_search: `${columns}${ends}${words}struct aA{C:u32,e:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cS(a:u32,Fa:u32)->u32{return flipped(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cT(Fa);var g=0u;var f=0u;var i=0u;for(var o=0u;o<p.C;o++){let q=x[starts[o]+Fa];let B=flipped(q);g+=select(0u,q,B>e.H&&B<e.G);f+=u32(B>e.H);i+=u32(B<e.G);}let j=p.C-p.begin-f;let m=p.end-i;let n=j*flipped(e.H)+m*flipped(e.G);aD[Fa]=select(g+n,(p.end-p.begin)*flipped(e.H),e.H==e.G);}
`,
  screen: `${bits}${sum}struct aA{C:u32,e:u32,V:u32,La:u32,f:u32,zero:u32}
struct cX{Ma:u32,Ea:i32,G:f32,H:f32,Na:vec2u}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cX>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cY:u32=4;
const cZ:i32=30;
const dA:i32=126;
const dB:u32=32u<<23u;
struct dC{Ma:u32,largest:u32,Ba:u32,Oa:i32,sum:bM,Na:vec2u}
var<workgroup>dD:array<vec4u,WG_SIZE>;
var<workgroup>dE:array<vec2u,WG_SIZE>;
fn dF(Ga:vec4u)->vec4u{var a=Ga;a=(a^(a>>vec4u(16u)))*0x85ebca6bu;a=(a^(a>>vec4u(13u)))*0xc2b2ae35u;return a^(a>>vec4u(16u));}
fn dG(Ga:vec4u)->u32{return(Ga.x+Ga.y)+(Ga.z+Ga.w);}
fn dH(t:i32)->i32{return min(cZ-t,dA);}
fn dI(a:dC,Ga:vec4u,b:vec4u,c:vec4u)->dC{var e=a;let f=Ga^(Ga>>vec4u(15u));e.Na+=vec2u(dG(f*b),dG(f*c));let g=Ga&vec4u(MAGNITUDE);let i=g<vec4u(cJ);e.Ma+=dG(select(vec4u(1u),vec4u(),i));let kept=select(vec4u(),g,i);let j=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,j);if j>=e.Ba{let S=dH(bB(j));let T=power(2*(S-e.Oa));e.sum=bM(e.sum.G*T,e.sum.H*T);e.Oa=S;e.Ba=((j>>23u)+1u)<<23u;}let m=kept<vec4u(0x00800000u);let n=vec4f(kept)*power(e.Oa-149);let t=select(bitcast<vec4f>(kept)*power(e.Oa),n,m);let o=t*t;e.sum=add(e.sum,(o.x+o.y)+(o.z+o.w),p.zero);return e;}
fn dJ(R:u32,Fa:u32,r:u32)->vec4u{let Ga=x[(R+Fa)/4u];if Fa+4u<=r{return Ga;}return select(vec4u(),Ga,vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r));}
fn dK(X:cX,Y:cX)->cX{let t=max(X.Ea,Y.Ea);let V=power(2*(dH(t)-dH(X.Ea)));let W=power(2*(dH(t)-dH(Y.Ea)));let g=bW(bM(X.G*V,X.H*V),bM(Y.G*W,Y.H*W),p.zero);return cX(X.Ma+Y.Ma,t,g.G,g.H,X.Na+Y.Na);}
fn dL(c:u32,a:cX){dD[c]=vec4u(a.Ma,bitcast<u32>(a.Ea),bitcast<u32>(a.G),bitcast<u32>(a.H));dE[c]=a.Na;}
fn kept(c:u32)->cX{let y=dD[c];return cX(y.x,bitcast<i32>(y.y),bitcast<f32>(y.z),bitcast<f32>(y.w),dE[c]);}
fn dM(e:dC,a:u32,n:u32,c:u32){var b=cX(e.Ma,bB(e.largest),e.sum.G,e.sum.H,e.Na);workgroupBarrier();dL(c,b);for(var j=WG_SIZE/2u;j>0u;j/=2u){workgroupBarrier();if c<j{b=dK(b,kept(c+j));dL(c,b);}}if c==0u{aD[n*p.C+a]=b;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=p.f+a.y;let o=n*p.V;let r=min(p.e,o+p.V);let b=a.x*cY;let e=p.C-1u;let f=starts[b];let g=starts[min(b+1u,e)];let i=starts[min(b+2u,e)];let j=starts[min(b+3u,e)];let m=dC(0u,0u,dB,dA,bM(),vec2u());var X=m;var Y=m;var q=m;var t=m;for(var Fa=o+4u*c;Fa<r;Fa+=4u*WG_SIZE){var Ia=dJ(f,Fa,r);var Ja=dJ(g,Fa,r);var Ka=dJ(i,Fa,r);var La=dJ(j,Fa,r);let E=vec4u(p.La+Fa)+vec4u(0u,1u,2u,3u);let y=dF(E*0x9e3779b1u)|vec4u(1u);let z=dF(E*0x85ebca77u)|vec4u(1u);for(var Sa=0u;Sa<cY;Sa++){let A=dI(X,Ia,y,z);X=Y;Y=q;q=t;t=A;Ia=Ja;Ja=Ka;Ka=La;}}for(var Sa=0u;Sa<min(cY,p.C-b);Sa++){dM(X,b+Sa,n,c);X=Y;Y=q;q=t;}}
`,
  self_test: `${bits}${sum}struct aA{j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var o=0u;o<p.j;o++){let q=x[o];let Ra=8u*o;aD[Ra]=u32(bA(q))|(u32(dN(q))<<1u);aD[Ra+1u]=key_of(q);aD[Ra+2u]=word_of(key_of(q));if bA(q){aD[Ra+3u]=bitcast<u32>(bB(q));let a=bD(q,-bB(q));aD[Ra+4u]=bitcast<u32>(a);aD[Ra+5u]=aV(a,bB(q));let g=add(add(bM(33554432.0,0.0),a,p.zero),-33554432.0,p.zero);aD[Ra+6u]=bitcast<u32>(g.G+g.H);}}}
`,
  sign_sum: `${bits}${columns}struct aA{C:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=4u*aH(a,b,c);if Fa>=p.e{return;}var g=vec4i();for(var o=0u;o<p.C;o++){let Ga=x[(starts[o]+Fa)/4u];let e=Ga&vec4u(MAGNITUDE);let i=(bitcast<vec4i>(Ga)>>vec4u(31u))|vec4i(1);let f=(e>vec4u())&(e<=vec4u(cJ));g+=select(vec4i(),i,f);}aD[Fa/4u]=bitcast<vec4u>(vec4f(g));}
`,
  squared_distances: `${triangle}struct aA{C:u32,e:u32,V:u32,W:u32,U:u32,O:u32,X:u32,Y:u32,R:u32,S:u32,Z:u32,Aa:u32,t:u32,N:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const bY:u32=8;
const RUNS:u32=3;
const dO:u32=0x01ffffffu;
const dP:u32=1u;
const dQ:u32=2u;
var<workgroup>cA:array<vec4i,1024>;
const cB:u32=512;
struct dR{G:vec4u,Pa:vec4i,H:vec4u}
struct aU{H:vec4u,G:vec4u}
fn dS(a:dR,n:vec4i)->dR{let b=n>>vec4u(13u);let c=n&vec4i(0x1fff);return dR(a.G+vec4u(b*b),a.Pa+b*c,a.H+vec4u(c*c));}
fn dT(y:aU,n:vec4u,m:vec4u)->aU{let c=y.H+n;return aU(c,y.G+m+vec4u(c<n));}
fn dU(y:aU,a:dR)->aU{let m=dT(y,a.G<<vec4u(26u),a.G>>vec4u(6u));let b=bitcast<vec4u>(a.Pa<<vec4u(14u));let c=dT(m,b,bitcast<vec4u>(a.Pa>>vec4u(18u)));return dT(c,a.H,vec4u());}
fn dV(Ga:vec4u)->vec4<bool>{return Ga+vec4u(dO)>vec4u(2u*dO);}
fn dW(Ra:u32,n:u32,m:u32){let c=atomicAdd(&aD[Ra],n)+n;let a=m+u32(c<n);if atomicAdd(&aD[Ra+1u],a)+a<a{atomicOr(&aD[Ra+2u],dP);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let f=bV(p.N+a.x,p.O);let g=f.x;let i=f.y;let j=g==i;let q=p.t+a.y;let n=q/p.U;let o=n*p.V+(q%p.U)*p.W;let r=min(p.e,min((n+1u)*p.V,o+p.W));let z=select(p.S,p.R,j);let A=select(p.Aa,p.Z,j);let B=select(p.Y*p.Y,p.Y*(p.Y+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.Y,D%p.Y);if j{E=bV(D,p.Y);}let F=E.x;let G=E.y;let H=select(cB,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.Y;let L=4u*(J/p.Y);let M=select(g,i,I)*p.X+4u*K;let N=select(0u,cB,I)+L*p.Y+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.C);let Q=min(O,vec4u(p.C-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);let m=dR();var e=m;var t=m;var y=m;var S=m;var T=aU();var U=T;var V=T;var W=T;var Da=0u;var X=vec4<bool>();for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Y=vec4u();var Z=vec4u();var Aa=vec4u();var Ba=vec4u();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Y=select(vec4u(),x[Ha.x],Ma&vec4<bool>(P.x));Z=select(vec4u(),x[Ha.y],Ma&vec4<bool>(P.y));Aa=select(vec4u(),x[Ha.z],Ma&vec4<bool>(P.z));Ba=select(vec4u(),x[Ha.w],Ma&vec4<bool>(P.w));}let Na=array(vec4u(Y.x,Z.x,Aa.x,Ba.x),vec4u(Y.y,Z.y,Aa.y,Ba.y),vec4u(Y.z,Z.z,Aa.z,Ba.z),vec4u(Y.w,Z.w,Aa.w,Ba.w));X|=dV(Na[0])|dV(Na[1]);X|=dV(Na[2])|dV(Na[3]);cA[N]=bitcast<vec4i>(Na[0]);cA[N+p.Y]=bitcast<vec4i>(Na[1]);cA[N+2u*p.Y]=bitcast<vec4i>(Na[2]);cA[N+3u*p.Y]=bitcast<vec4i>(Na[3]);}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bY*z){var Ra=Pa*p.Y;for(var Sa=0u;Sa<bY;Sa++){let Y=cA[Ra+F];let Z=cA[H+Ra+G];Ra+=z*p.Y;e=dS(e,vec4i(Y.x)-Z);t=dS(t,vec4i(Y.y)-Z);y=dS(y,vec4i(Y.z)-Z);S=dS(S,vec4i(Y.w)-Z);}Da++;if Da==RUNS{T=dU(T,e);U=dU(U,t);V=dU(V,y);W=dU(W,S);e=m;t=m;y=m;S=m;Da=0u;}}}workgroupBarrier();}let Ca=3u*p.X*p.X*((n-p.t/p.U)*b.x+a.x);for(var Sa=0u;Sa<4u;Sa++){if X[Sa]{dX(Ca,4u*K+Sa,vec2<bool>(!I,I||j));}}if C>=z{return;}let Ga=cV(g*p.X,i*p.X,4u*F,4u*G,Ca);dY(Ga,0u,dU(T,e));dY(Ga,1u,dU(U,t));dY(Ga,2u,dU(V,y));dY(Ga,3u,dU(W,S));}
fn dX(Ca:u32,b:u32,a:vec2<bool>){for(var f=0u;f<p.X;f++){if a.x{atomicOr(&aD[Ca+3u*(b*p.X+f)+2u],dQ);}if a.y{atomicOr(&aD[Ca+3u*(f*p.X+b)+2u],dQ);}}}
struct cV{Qa:u32,Ra:u32,a:u32,b:u32,Sa:u32}
fn dY(E:cV,Sa:u32,y:aU){dZ(E,vec2u(Sa,0u),vec2u(y.H.x,y.G.x));dZ(E,vec2u(Sa,1u),vec2u(y.H.y,y.G.y));dZ(E,vec2u(Sa,2u),vec2u(y.H.z,y.G.z));dZ(E,vec2u(Sa,3u),vec2u(y.H.w,y.G.w));}
fn dZ(E:cV,a:vec2u,g:vec2u){let Y=E.a+a.x;let Z=E.b+a.y;if E.Ra+Z>=p.C||E.Qa+Y>=E.Ra+Z{return;}dW(E.Sa+3u*(Y*p.X+Z),g.x,g.y);}
`,
  sum_rows: `${columns}struct aA{C:u32,e:u32,D:u32,Y:u32,o:u32,Ta:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}var z=vec4u();if p.Ta==1u{for(var e=0u;e<p.C;e++){z+=x[starts[e]/4u+Ha];}}let Ea=a.z*p.o;for(var Sa=Ea;Sa<min(p.Y,Ea+p.o);Sa++){var g=z*aC[4u*Sa];var Ra=aC[4u*Sa+1u];let f=aC[4u*Sa+2u];let r=aC[4u*Sa+3u];for(;Ra<f;Ra++){g+=x[starts[aC[Ra]]/4u+Ha];}for(;Ra<r;Ra++){g-=x[starts[aC[Ra]]/4u+Ha];}aD[Sa*(p.D/4u)+Ha]=g;}}
`,
  unpack: `${columns}struct aA{bits:u32,e:u32,C:u32,D:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
fn aG(R:u32,Fa:u32)->u32{let C=Fa%32u*p.bits;let Ra=R+Fa/32u*p.bits+C/32u;let S=C%32u;var m=x[Ra]>>S;if S+p.bits>32u{m|=x[Ra+1u]<<(32u-S);}return m&(0xffffffffu>>(32u-p.bits));}
@compute@workgroup_size(WG_SIZE)fn unpack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);let Fa=4u*Ha;if Fa>=p.e{return;}for(var e=0u;e<p.C;e++){let R=starts[e];let Ga=vec4u(aG(R,Fa),aG(R,Fa+1u),aG(R,Fa+2u),aG(R,Fa+3u));aD[e*(p.D/4u)+Ha]=Ga;}}
`,
  widen: `struct aA{begin:u32,Ua:u32,Va:u32}
@group(0)@binding(0)var<storage,read>eA:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(j:u32)->u32{let i=(j&0x8000u)<<16u;let a=j&0x7fffu;if a>=0x7c00u{return i|0x7f800000u|(a<<13u);}if a>=0x0400u{return i|((a<<13u)+(112u<<23u));}if a==0u{return i;}let Ea=firstLeadingBit(a);return i|((Ea+103u)<<23u)|((a<<(23u-Ea))&0x007fffffu);}
fn eB(q:u32)->vec2u{if p.Va==1u{return vec2u(q<<16u,q&0xffff0000u);}return vec2u(widened(q&0xffffu),widened(q>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=(a.y*b.x+a.x)*WG_SIZE+c;if Ha>=p.Ua{return;}let Ga=eA[Ha];aD[p.begin+Ha]=vec4u(eB(Ga.x),eB(Ga.y));}
`,
};
