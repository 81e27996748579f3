/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const bJ:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cL:u32=0x7f800000u;
const bM:u32=0x7fc00000u;
const aY:i32= -100000;
fn bA(q:u32)->bool{return(q&cL)!=cL;}
fn dO(q:u32)->bool{return(q&MAGNITUDE)>cL;}
fn bB(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aY;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn bD(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var f=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let c=23u-firstLeadingBit(e);f=(e<<c)&0x007fffffu;b=1-i32(c);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bJ)|(u32(min(b,254))<<23u)|f);}
fn power(bB:i32)->f32{return bitcast<f32>(u32(max(bB,-127)+127)<<23u);}
fn aV(m:f32,S:i32)->u32{let q=bitcast<u32>(m);let i=q&bJ;let e=q&MAGNITUDE;if e<0x00800000u{return i;}let b=i32(e>>23u)+S;let f=e&0x007fffffu;if b>=255{return i|cL;}if b>0{return i|(u32(b)<<23u)|f;}let cG=1-b;if cG>24{return i;}let a=f|0x00800000u;let c=a>>u32(cG);let n=a&((1u<<u32(cG))-1u);let j=1u<<u32(cG-1);let g=n>j||(n==j&&(c&1u)==1u);return i|(c+u32(g));}
const eD:u32=0x007fffffu;
const eE:u32=0xff000001u;
fn key_of(q:u32)->u32{let r=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(r|bJ))-eD;}
fn finite_word(B:u32)->u32{let flipped=B+eD;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bJ);}
fn word_of(B:u32)->u32{return select(finite_word(B),bM,B>eE);}
`;

const chacha20 = `struct aJ{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn eF(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn eG(aM:aJ)->aJ{var e=aM;e.a+=e.b;e.d=eF(e.d^e.a,16u);e.i+=e.d;e.b=eF(e.b^e.i,12u);e.a+=e.b;e.d=eF(e.d^e.a,8u);e.i+=e.d;e.b=eF(e.b^e.i,7u);return e;}
fn aI(aM:aJ)->aJ{var e=aM;for(var a=0u;a<20u;a+=2u){e=eG(e);e=eG(aJ(e.a,e.b.yzwx,e.i.zwxy,e.d.wxyz));e=aJ(e.a,e.b.wxyz,e.i.zwxy,e.d.yzwx);}return aJ(e.a+aM.a,e.b+aM.b,e.i+aM.i,e.d+aM.d);}
`;

const columns = `override WG_SIZE:u32=64;
fn aH(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

const distance = `const bQ:u32=0xffffffffu;
const eH:u32=0x0c800000u;
const eI:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=eH&&e<eI);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bR(q:u32,e:u32)->u32{if q==e&& !dO(q){return 0u;}if!bA(q)|| !bA(e){return bQ;}let t=max(bB(q),bB(e));let A=bitcast<u32>(bD(q,-t)-bD(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bT(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bR(q,e);}
`;

const ends = `struct eJ{H:u32,G:u32}
fn cU(Fa:u32)->eJ{var e=eJ();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.C;o++){let B=cT(o,Fa);a+=u32(B<(e.H|C));i+=u32(B<(e.G|C));}if a<=p.begin{e.H|=C;}if i<=p.end-1u{e.G|=C;}}return e;}
`;

const kept = `const eK:i32= -80;
struct eL{least:u32,Wa:u32,top:i32,sum:bN}
fn nothing_kept()->eL{return eL(0xffffffffu,0u,eK,bN());}
fn eM(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,eK,126);}
fn widened(kept:eL,i:u32,a:u32)->eL{let t=max(kept.top,max(eM(i),eM(a)));let cG=power(kept.top-t);let g=bN(kept.sum.G*cG,kept.sum.H*cG);return eL(min(kept.least,i),max(kept.Wa,a),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:eL,Fa:u32,o:u32,r:u32)->u32{if kept.least==kept.Wa{return word_of(kept.least);}if kept.top==eK{return cV(Fa,kept.least,kept.Wa,o,r);}var z=aZ(kept.sum,0u);eN(word_of(kept.least),&z);eN(word_of(kept.Wa),&z);return bE(z,f32(r-o),kept.top,p.zero);}
fn cV(Fa:u32,i:u32,a:u32,o:u32,r:u32)->u32{if i==a{return word_of(i);}var t=aY;var z=aZ();bS(word_of(i),&t,&z);bS(word_of(a),&t,&z);if z.J==0u{var b=0u;var c=0u;for(var e=0u;e<p.C;e++){let q=x[starts[e]+Fa];let B=key_of(q);b+=u32(B<=i);c+=u32(B<a);if B<=i||B>=a{continue;}z.sum=add(z.sum,bD(q,-t),p.zero);}let f=f32(b-o)*bD(word_of(i),-t);let g=f32(r-c)*bD(word_of(a),-t);z.sum=add(add(z.sum,f,p.zero),g,p.zero);}return bE(z,f32(r-o),t,p.zero);}
`;

const scaled = `const MAGNITUDE:u32=0x7fffffffu;
const bJ:u32=0x80000000u;
const cQ:u32=0x00800000u;
struct bK{Ea:u32,Da:i32}
fn cR(e:u32)->bK{return bK((e&(cQ-1u))|cQ,i32(e>>23u)-150);}
fn word_of(m:bK)->u32{if m.Ea==0u{return 0u;}return(u32(m.Da+150)<<23u)|(m.Ea&(cQ-1u));}
fn bL(m:bK,n:u32,j:u32)->bK{let g=n>j||(n==j&&n!=0u&&(m.Ea&1u)==1u);let a=m.Ea+u32(g);if a==2u*cQ{return bK(cQ,m.Da+1);}return bK(a,m.Da);}
fn bX(X:bK,Y:bK)->bK{let x=vec2u(X.Ea>>12u,X.Ea&0xfffu);let a=vec2u(Y.Ea>>12u,Y.Ea&0xfffu);let f=x.x*a.y+x.y*a.x;let n=x.y*a.y+((f&0xfffu)<<12u);var m=x.x*a.x+(f>>12u)+(n>>24u);var b=n&0xffffffu;var bB=X.Da+Y.Da+24;if m<cQ{m=(m<<1u)|(b>>23u);b=(b<<1u)&0xffffffu;bB-=1;}return bL(bK(m,bB),b,cQ);}
`;

const sum = `override compensated:bool=true;
struct bN{G:f32,H:f32}
fn bO(m:f32,a:u32)->f32{return bitcast<f32>(bitcast<u32>(m)^a);}
fn scaled_by(m:f32,a:f32,b:u32)->f32{return bO(m*a,b);}
fn eO(X:f32,Y:f32,b:u32)->bN{let e=bO(X+Y,b);if!compensated{return bN(e,0.0);}let a=bO(e-X,b);let c=bO(e-a,b);return bN(e,(X-c)+(Y-a));}
fn add(g:bN,m:f32,b:u32)->bN{let a=eO(g.G,m,b);return bN(a.G,g.H+a.H);}
fn bY(X:bN,Y:bN,b:u32)->bN{let a=eO(X.G,Y.G,b);return bN(a.G,a.H+(X.H+Y.H));}
struct aZ{sum:bN,J:u32}
const eP:u32=1u;
const eQ:u32=2u;
const eR:u32=4u;
fn bC(q:u32,a:u32)->u32{if dO(q){return eR;}return select(eP,eQ,((q^a)&bJ)!=0u);}
fn eN(q:u32,z:ptr<function,aZ>){if!bA(q){(*z).J|=bC(q,0u);}}
fn bS(q:u32,t:ptr<function,i32>,z:ptr<function,aZ>){if bA(q){*t=max(*t,bB(q));}eN(q,z);}
fn eS(g:bN,a:f32,b:u32)->f32{let Ea=bO((g.G+g.H)/a,b);let c=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bO(Ea-c,b);let f=bO(bO(g.G-c*a,b)-e*a,b);return Ea+(f+g.H)/a;}
fn bE(z:aZ,a:f32,S:i32,b:u32)->u32{switch z.J{case 0u:{return aV(eS(z.sum,a,b),S);}case eP:{return cL;}case eQ:{return cL|bJ;}default:{return bM;}}}
`;

const sums = `struct aU{G:vec4f,H:vec4f,I:vec4f}
fn eT(t:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(b));}
fn bF(y:aU,a:vec4f,b:u32)->aU{let c=max(y.I,abs(a));let e=eT(y.G+a,b);if!compensated{return aU(e,y.H,c);}let f=eT(e-y.G,b);let g=eT(e-f,b);return aU(e,y.H+((y.G-g)+(a-f)),c);}
`;

const triangle = `fn bW(D:u32,Oa:u32)->vec2u{var e=0u;var b=D;while b>=Oa-e{b-=Oa-e;e++;}return vec2u(e,e+b);}
`;

const words = `const bJ:u32=0x80000000u;
fn flipped(q:u32)->u32{return q^bJ;}
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
  dequantize: `${columns}${scaled}struct aA{G:u32,e:u32,H:u32,above:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
const bG:u32=0x100000u;
fn bH(x:u32,a:u32)->vec2u{let i=vec2u(x>>16u,x&0xffffu);let j=vec2u(a>>16u,a&0xffffu);let b=i.y*j.y;let c=i.x*j.y;let e=i.y*j.x;let f=(b>>16u)+(c&0xffffu)+(e&0xffffu);let g=i.x*j.x+(c>>16u)+(e>>16u)+(f>>16u);return vec2u(g,(f<<16u)|(b&0xffffu));}
fn bI(j:u32)->u32{let a=bitcast<i32>(j<<p.above)>>p.above;if a==0{return 0u;}let b=u32(select(a,-a,a<0));let c=countLeadingZeros(b);let e=bH(b<<c,p.H);let f=bH(b<<c,(p.G&(bG-1u))|bG);let g=e.x+f.y;var i=vec3u(f.x+u32(g<e.x),g,e.y);var bB=i32(p.G>>20u)-1075+61-i32(c);if i.x<bG{i=(i<<vec3u(1u))|vec3u(i.yz>>vec2u(31u),0u);bB-=1;}if i.z>bJ||(i.z==bJ&&(i.y&1u)==1u){i.y+=1u;i.x+=u32(i.y==0u);if i.x==2u*bG{i.x=bG;bB+=1;}}let m=bK((i.x<<3u)|(i.y>>29u),bB);let n=i.y&0x1fffffffu;return(bitcast<u32>(a)&bJ)|word_of(bL(m,n,0x10000000u));}
@compute@workgroup_size(WG_SIZE)fn dequantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let r=x[starts[0]/4u+e];aD[e]=vec4u(bI(r.x),bI(r.y),bI(r.z),bI(r.w));}
`,
  deviation: `${bits}${sum}${columns}struct aA{C:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}var e=aY;for(var o=0u;o<p.C;o++){let j=x[starts[o]+E];if!bA(j){aD[E]=bM;return;}e=max(e,bB(j));}var g=bN();for(var o=0u;o<p.C;o++){g=add(g,bD(x[starts[o]+E],-e),p.zero);}let f=bO((g.G+g.H)/f32(p.C),p.zero);var i=bN();var n=bN();for(var o=0u;o<p.C;o++){let m=bO(bD(x[starts[o]+E],-e)-f,p.zero);i=add(i,m*m,p.zero);n=add(n,m,p.zero);}let q=n.G+n.H;let r=max(0.0,i.G+i.H-q*q/f32(p.C));aD[E]=aV(sqrt(r/f32(p.C-1u)),e);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{C:u32,e:u32,j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bP:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}let center=bP[col];#slot sort
if tame{var far=bQ;var left=p.j;var largest=0u;var bits=0u;var total=aZ();#slot tame
aD[col]=select(bE(total,f32(p.j),top,p.zero),bits,p.j==1u);return;}#slot list
for(var o=0u;o<p.C;o++){away[o]=bR(words[o],center);}var far=bQ;for(var o=0u;o+p.j<=p.C;o++){far=min(far,max(away[o],away[o+p.j-1u]));}var left=p.j;for(var o=0u;o<p.C;o++){left-=u32(away[o]<far);}var c=0u;for(var o=0u;o<p.C;o++){if away[o]>far||(away[o]==far&&left==0u){continue;}left-=u32(away[o]==far);words[c]=words[o];c++;}if p.j==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aY;var total=aZ();for(var o=0u;o<p.j;o++){bS(words[o],&top,&total);}for(var o=0u;o<p.j&&total.J==0u;o++){total.sum=add(total.sum,bD(words[o],-top),p.zero);}aD[col]=bE(total,f32(p.j),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{C:u32,e:u32,j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bP:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}let e=bP[E];var f=is_tame(e);for(var o=0u;o<p.C&&f;o++){f=is_tame(x[starts[o]+E]);}var g=0u;for(var C=bJ;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.C;o++){i+=u32(bT(x[starts[o]+E],e,f)<(g|C));}if i<p.j{g|=C;}}var j=0u;for(var o=0u;o<p.C;o++){j+=u32(bT(x[starts[o]+E],e,f)<g);}let m=p.j-j-1u;var n=0u;for(var C=bJ;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let r=bT(q,e,f)==g;i+=u32(r&&key_of(q)<(n|C));}if i<=m{n|=C;}}if p.j==1u{aD[E]=word_of(n);return;}var t=aY;var y=0u;var z=aZ();for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let A=bT(q,e,f);let B=key_of(q);if A>g||(A==g&&B>n){continue;}y+=u32(A==g&&B<n);bS(q,&t,&z);}if z.J==0u{for(var o=0u;o<p.C;o++){let q=x[starts[o]+E];let A=bT(q,e,f);if A<g||(A==g&&key_of(q)<n){z.sum=add(z.sum,bD(q,-t),p.zero);}}let D=f32(p.j-j-y);z.sum=add(z.sum,D*bD(word_of(n),-t),p.zero);}aD[E]=bE(z,f32(p.j),t,p.zero);}
`,
  pack: `${columns}struct aA{bits:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn pack(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);let f=e/p.bits*32u;let g=e%p.bits*32u;if f+g/p.bits>=p.e{return;}let i=0xffffffffu>>(32u-p.bits);var q=0u;for(var j=g/p.bits;j*p.bits<g+32u;j++){let E=f+j;if E>=p.e{break;}let m=x[starts[0]+E]&i;let C=j*p.bits;if C<g{q|=m>>(g-C);}else{q|=m<<(C-g);}}aD[e]=q;}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{K:u32,L:u32,M:u32,N:u32,O:u32,P:u32,Q:u32,R:u32,S:u32,T:u32,zero:u32}
@group(0)@binding(0)var<storage,read>bU:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bV:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let b=a.y*WG_SIZE+c;let e=a.x;let f=bW(p.M+e,p.N);let g=f.x==f.y;let i=select(p.P,p.O,g);let j=select(p.R,p.Q,g);if b>=16u*i{return;}let m=a.z*p.T;let n=min(p.S,m+p.T);var bX=bN();var o=bN();for(var q=m;q<n;q++){let r=(q*p.K+e)*bV+(b/i)*256u+b%i;for(var t=0u;t<j;t++){let y=bU[r+t*i];bX=bY(bX,bN(y.x,y.y),p.zero);o=bY(o,bN(y.z,y.w),p.zero);}}aD[(a.z*p.K+e)*p.L+b]=vec4f(bX.G,bX.H,o.G,o.H);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bZ:i32=100000;
const WG_SIZE:u32=256;
const cA:u32=8;
const RUNS:u32=4;
struct aA{C:u32,e:u32,U:u32,V:u32,T:u32,N:u32,W:u32,X:u32,Q:u32,R:u32,Y:u32,Z:u32,t:u32,M:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>cB:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>cC:array<vec4f,1024>;
const cD:u32=512;
struct cE{G:vec4f,H:vec4f}
fn cF(i:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(i+vec4i(127),vec4i()))<<vec4u(23u));}
fn cG(a:i32,b:vec4i)->vec4f{return cF(vec4i(a)-max(vec4i(a),b));}
fn cH(m:u32,a:u32)->vec4i{let c=vec4u(m)+min(vec4u(a)+vec4u(0u,1u,2u,3u),vec4u(p.C-1u));return vec4i(cB[c.x],cB[c.y],cB[c.z],cB[c.w]);}
fn cI(t:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(p.zero));}
fn cJ(g:vec4f,b:vec4f)->cE{let a=cI(g+b);if!compensated{return cE(a,vec4f());}return cE(a,b-cI(a-g));}
fn cK(r:vec4u,y:f32,a:f32)->vec4f{let b=r&vec4u(cL);let c=select(r,vec4u(),b==vec4u(cL));let e=vec4f(c&vec4u(0x007fffffu))*a;let f=bitcast<vec4f>(bitcast<vec4u>(e)|(c&vec4u(bJ)));return select(bitcast<vec4f>(c)*y,f,b==vec4u());}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=p.M+a.x;let f=bW(e,p.N);let g=f.x;let i=f.y;let j=g==i;let m=p.N*(p.N+1u)/2u;let q=p.t+a.y;let n=q/p.T;let o=n*p.U+(q%p.T)*p.V;let r=min(p.e,min((n+1u)*p.U,o+p.V));let t=n*(p.C+m);let y=cB[t+p.C+e];if general!=(y==bZ){return;}let z=select(p.R,p.Q,j);let A=select(p.Z,p.Y,j);let B=select(p.X*p.X,p.X*(p.X+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.X,D%p.X);if j{E=bW(D,p.X);}let F=E.x;let G=E.y;let H=select(cD,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.X;let L=4u*(J/p.X);let M=select(g,i,I)*p.W+4u*K;let N=select(0u,cD,I)+L*p.X+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.C);let Q=min(O,vec4u(p.C-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);var S=vec4i(-y);if general{S= -cH(t,M);}let T=cF(S);let U=cF(S-vec4i(149));var V=mat4x4f();var W=mat4x4f();if general{let X=cH(t,g*p.W+4u*F);let Y=cH(t,i*p.W+4u*G);V=mat4x4f(cG(X.x,Y),cG(X.y,Y),cG(X.z,Y),cG(X.w,Y));W=transpose(mat4x4f(cG(Y.x,X),cG(Y.y,X),cG(Y.z,X),cG(Y.w,X)));}var Z=mat4x4f();var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=0u;for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Ga=mat4x4f();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ia=x[Ha.x];let Ja=x[Ha.y];let Ka=x[Ha.z];let La=x[Ha.w];let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Ga[0]=cK(select(vec4u(),Ia,Ma&vec4<bool>(P.x)),T.x,U.x);Ga[1]=cK(select(vec4u(),Ja,Ma&vec4<bool>(P.y)),T.y,U.y);Ga[2]=cK(select(vec4u(),Ka,Ma&vec4<bool>(P.z)),T.z,U.z);Ga[3]=cK(select(vec4u(),La,Ma&vec4<bool>(P.w)),T.w,U.w);}let Na=transpose(Ga);cC[N]=Na[0];cC[N+p.X]=Na[1];cC[N+2u*p.X]=Na[2];cC[N+3u*p.X]=Na[3];}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=cA*z){var bX=mat4x4f();var Qa=mat4x4f();var Ra=Pa*p.X;for(var Sa=0u;Sa<cA;Sa++){let X=cC[Ra+F];let Y=cC[H+Ra+G];Ra+=z*p.X;bX[0]=fma(vec4f(X.x),Y,bX[0]);bX[1]=fma(vec4f(X.y),Y,bX[1]);bX[2]=fma(vec4f(X.z),Y,bX[2]);bX[3]=fma(vec4f(X.w),Y,bX[3]);var Ta=X.x-Y;var Ua=X.y-Y;var Va=X.z-Y;var Wa=X.w-Y;if general{Ta=X.x*V[0]-Y*W[0];Ua=X.y*V[1]-Y*W[1];Va=X.z*V[2]-Y*W[2];Wa=X.w*V[3]-Y*W[3];}Qa[0]=fma(Ta,Ta,Qa[0]);Qa[1]=fma(Ua,Ua,Qa[1]);Qa[2]=fma(Va,Va,Qa[2]);Qa[3]=fma(Wa,Wa,Qa[3]);}Aa+=bX;Ca+=Qa;Da++;if Da%RUNS==0u{cM(&Z,&Aa);cM(&Ba,&Ca);}}}workgroupBarrier();}if C>=z{return;}cM(&Z,&Aa);cM(&Ba,&Ca);let Xa=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Xa,Z[0],Aa[0],Ba[0],Ca[0]);write(Xa+4u*WG_SIZE,Z[1],Aa[1],Ba[1],Ca[1]);write(Xa+8u*WG_SIZE,Z[2],Aa[2],Ba[2],Ca[2]);write(Xa+12u*WG_SIZE,Z[3],Aa[3],Ba[3],Ca[3]);}
fn write(Ra:u32,Z:vec4f,Aa:vec4f,Ba:vec4f,Ca:vec4f){let a=transpose(mat4x4f(Z,Aa,Ba,Ca));aD[Ra]=a[0];aD[Ra+WG_SIZE]=a[1];aD[Ra+2u*WG_SIZE]=a[2];aD[Ra+3u*WG_SIZE]=a[3];}
fn cM(g:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let X=cJ((*g)[0],(*b)[0]);let Y=cJ((*g)[1],(*b)[1]);let m=cJ((*g)[2],(*b)[2]);let n=cJ((*g)[3],(*b)[3]);*g=mat4x4f(X.G,Y.G,m.G,n.G);*b=mat4x4f(X.H,Y.H,m.H,n.H);}
`,
  quantize: `${columns}${chacha20}${scaled}struct aA{Aa:u32,e:u32,Ba:u32,B:u32,Ca:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aM:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
const cL:u32=0x7f800000u;
const cN:i32= -47;
const cO:u32=0x1000000u;
fn cP(q:u32,a:u32)->u32{let b=min(q&MAGNITUDE,p.Ba);if(q&MAGNITUDE)>cL||b<cQ{return 0u;}let m=bX(cR(b),cR(p.B));if m.Da<cN{return 0u;}let c=u32(-m.Da);let e=select(m.Ea>>c,0u,c>=24u);let f=m.Ea-(e<<min(c,24u));let cG=max(c,24u)-24u;let g=f<<(24u-min(c,24u));let i=g>>cG;let n=g-(i<<cG);let j=bL(bK(i,0),n,(1u<<cG)>>1u).Ea;let o=a>>8u;let r=(q&bJ)!=0u;let A=select(i+u32(n!=0u)>o,o+j>=cO,r);let t=min(e+u32(A),p.Aa);return select(t,0u-t,r);}
fn cS(Ga:vec4u,a:vec4u)->vec4u{return vec4u(cP(Ga.x,a.x),cP(Ga.y,a.y),cP(Ga.z,a.z),cP(Ga.w,a.w));}
@compute@workgroup_size(WG_SIZE)fn quantize(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let D=aH(a,b,c);if 16u*D>=p.e{return;}let f=vec4u(p.Ca/4u+D,0u,0u,0u);let n=aI(aJ(aM[0],aM[1],aM[2],aM[3]+f));let e=array(n.a,n.b,n.i,n.d);for(var o=0u;o<4u;o++){let Ha=4u*D+o;aD[Ha]=cS(x[starts[0]/4u+Ha],e[o]);}}
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
fn cT(a:u32,Fa:u32)->u32{return key_of(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cU(Fa);aD[Fa]=cV(Fa,e.H,e.G,p.begin,p.end);}
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
struct cW{run:i32,Fa:u32,Ga:u32}
struct cX{at:u32,Ha:bool,Ia:u32,Ja:bool}
fn facing(E:cW,g:i32)->cX{let a=i32(RUNS/2u);let b=g-E.run;let c=b<0||b>=a;let Ra=(E.Fa+u32(clamp(b,0,a-1)))*WG_SIZE+E.Ga;let e=select(0u,DROPPED,b>=a);return cX(Ra,c,e,!c&&E.Fa>0u);}
fn met(a:cX,b:u32)->u32{return select(b,a.Ia,a.Ha);}
fn is_lower(B:u32,a:cX,b:u32)->bool{let met=met(a,b);return B<met||(B==met&&a.Ja);}
fn kept_value(B:u32,a:f32)->f32{return select(value_of(B,a),0.0,B==DROPPED);}
fn key_at(a:u32,Fa:u32)->u32{if a>=p.C{return DROPPED;}return min(key_of(x[starts[a]+Fa]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32){let e=aH(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var g=1u;g<RUNS/2u;g*=2u){{let f=run^(2u*g-1u);let partner=f*WG_SIZE+c.x;let lower=run<f;#slot end_to_end
}for(var i=g/2u;i>0u;i/=2u){let f=run^i;let partner=f*WG_SIZE+c.x;let lower=run<f;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cW(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var f=c.x;f<WG_SIZE*RUNS;f+=WG_SIZE){least=min(least,sh_keys[f]);above=max(above,sh_keys[WG_SIZE*RUNS+f]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.G);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.H);workgroupBarrier();if run>0u||e>=p.e{return;}for(var f=c.x+WG_SIZE;f<WG_SIZE*RUNS;f+=WG_SIZE){let m=bitcast<f32>(sh_keys[f]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+f]);kept.sum=bY(kept.sum,bN(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
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
fn cT(a:u32,Fa:u32)->u32{return flipped(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cU(Fa);var g=0u;var f=0u;var i=0u;for(var o=0u;o<p.C;o++){let q=x[starts[o]+Fa];let B=flipped(q);g+=select(0u,q,B>e.H&&B<e.G);f+=u32(B>e.H);i+=u32(B<e.G);}let j=p.C-p.begin-f;let m=p.end-i;let n=j*flipped(e.H)+m*flipped(e.G);aD[Fa]=select(g+n,(p.end-p.begin)*flipped(e.H),e.H==e.G);}
`,
  screen: `${bits}${sum}struct aA{C:u32,e:u32,U:u32,La:u32,f:u32,zero:u32}
struct cY{Ma:u32,Da:i32,G:f32,H:f32,Na:vec2u}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cY>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cZ:u32=4;
const dA:i32=30;
const dB:i32=126;
const dC:u32=32u<<23u;
struct dD{Ma:u32,largest:u32,Aa:u32,Oa:i32,sum:bN,Na:vec2u}
var<workgroup>dE:array<vec4u,WG_SIZE>;
var<workgroup>dF:array<vec2u,WG_SIZE>;
fn dG(Ga:vec4u)->vec4u{var a=Ga;a=(a^(a>>vec4u(16u)))*0x85ebca6bu;a=(a^(a>>vec4u(13u)))*0xc2b2ae35u;return a^(a>>vec4u(16u));}
fn dH(Ga:vec4u)->u32{return(Ga.x+Ga.y)+(Ga.z+Ga.w);}
fn dI(t:i32)->i32{return min(dA-t,dB);}
fn dJ(a:dD,Ga:vec4u,b:vec4u,c:vec4u)->dD{var e=a;let f=Ga^(Ga>>vec4u(15u));e.Na+=vec2u(dH(f*b),dH(f*c));let g=Ga&vec4u(MAGNITUDE);let i=g<vec4u(cL);e.Ma+=dH(select(vec4u(1u),vec4u(),i));let kept=select(vec4u(),g,i);let j=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,j);if j>=e.Aa{let S=dI(bB(j));let T=power(2*(S-e.Oa));e.sum=bN(e.sum.G*T,e.sum.H*T);e.Oa=S;e.Aa=((j>>23u)+1u)<<23u;}let m=kept<vec4u(0x00800000u);let n=vec4f(kept)*power(e.Oa-149);let t=select(bitcast<vec4f>(kept)*power(e.Oa),n,m);let o=t*t;e.sum=add(e.sum,(o.x+o.y)+(o.z+o.w),p.zero);return e;}
fn dK(R:u32,Fa:u32,r:u32)->vec4u{let Ga=x[(R+Fa)/4u];if Fa+4u<=r{return Ga;}return select(vec4u(),Ga,vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r));}
fn dL(X:cY,Y:cY)->cY{let t=max(X.Da,Y.Da);let V=power(2*(dI(t)-dI(X.Da)));let W=power(2*(dI(t)-dI(Y.Da)));let g=bY(bN(X.G*V,X.H*V),bN(Y.G*W,Y.H*W),p.zero);return cY(X.Ma+Y.Ma,t,g.G,g.H,X.Na+Y.Na);}
fn dM(c:u32,a:cY){dE[c]=vec4u(a.Ma,bitcast<u32>(a.Da),bitcast<u32>(a.G),bitcast<u32>(a.H));dF[c]=a.Na;}
fn kept(c:u32)->cY{let y=dE[c];return cY(y.x,bitcast<i32>(y.y),bitcast<f32>(y.z),bitcast<f32>(y.w),dF[c]);}
fn dN(e:dD,a:u32,n:u32,c:u32){var b=cY(e.Ma,bB(e.largest),e.sum.G,e.sum.H,e.Na);workgroupBarrier();dM(c,b);for(var j=WG_SIZE/2u;j>0u;j/=2u){workgroupBarrier();if c<j{b=dL(b,kept(c+j));dM(c,b);}}if c==0u{aD[n*p.C+a]=b;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=p.f+a.y;let o=n*p.U;let r=min(p.e,o+p.U);let b=a.x*cZ;let e=p.C-1u;let f=starts[b];let g=starts[min(b+1u,e)];let i=starts[min(b+2u,e)];let j=starts[min(b+3u,e)];let m=dD(0u,0u,dC,dB,bN(),vec2u());var X=m;var Y=m;var q=m;var t=m;for(var Fa=o+4u*c;Fa<r;Fa+=4u*WG_SIZE){var Ia=dK(f,Fa,r);var Ja=dK(g,Fa,r);var Ka=dK(i,Fa,r);var La=dK(j,Fa,r);let E=vec4u(p.La+Fa)+vec4u(0u,1u,2u,3u);let y=dG(E*0x9e3779b1u)|vec4u(1u);let z=dG(E*0x85ebca77u)|vec4u(1u);for(var Sa=0u;Sa<cZ;Sa++){let A=dJ(X,Ia,y,z);X=Y;Y=q;q=t;t=A;Ia=Ja;Ja=Ka;Ka=La;}}for(var Sa=0u;Sa<min(cZ,p.C-b);Sa++){dN(X,b+Sa,n,c);X=Y;Y=q;q=t;}}
`,
  self_test: `${bits}${sum}struct aA{j:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var o=0u;o<p.j;o++){let q=x[o];let Ra=8u*o;aD[Ra]=u32(bA(q))|(u32(dO(q))<<1u);aD[Ra+1u]=key_of(q);aD[Ra+2u]=word_of(key_of(q));if bA(q){aD[Ra+3u]=bitcast<u32>(bB(q));let a=bD(q,-bB(q));aD[Ra+4u]=bitcast<u32>(a);aD[Ra+5u]=aV(a,bB(q));let g=add(add(bN(33554432.0,0.0),a,p.zero),-33554432.0,p.zero);aD[Ra+6u]=bitcast<u32>(g.G+g.H);}}}
`,
  sign_sum: `${bits}${columns}struct aA{C:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=4u*aH(a,b,c);if Fa>=p.e{return;}var g=vec4i();for(var o=0u;o<p.C;o++){let Ga=x[(starts[o]+Fa)/4u];let e=Ga&vec4u(MAGNITUDE);let i=(bitcast<vec4i>(Ga)>>vec4u(31u))|vec4i(1);let f=(e>vec4u())&(e<=vec4u(cL));g+=select(vec4i(),i,f);}aD[Fa/4u]=bitcast<vec4u>(vec4f(g));}
`,
  squared_distances: `${triangle}struct aA{C:u32,e:u32,U:u32,V:u32,T:u32,N:u32,W:u32,X:u32,Q:u32,R:u32,Y:u32,Z:u32,t:u32,M:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cA:u32=8;
const RUNS:u32=3;
const dP:u32=0x01ffffffu;
const dQ:u32=1u;
const dR:u32=2u;
var<workgroup>cC:array<vec4i,1024>;
const cD:u32=512;
struct dS{G:vec4u,Pa:vec4i,H:vec4u}
struct aU{H:vec4u,G:vec4u}
fn dT(a:dS,m:vec4i)->dS{let b=m>>vec4u(13u);let c=m&vec4i(0x1fff);return dS(a.G+vec4u(b*b),a.Pa+b*c,a.H+vec4u(c*c));}
fn dU(y:aU,n:vec4u,m:vec4u)->aU{let a=y.H+n;return aU(a,y.G+m+vec4u(a<n));}
fn dV(y:aU,a:dS)->aU{let m=dU(y,a.G<<vec4u(26u),a.G>>vec4u(6u));let b=bitcast<vec4u>(a.Pa<<vec4u(14u));let c=dU(m,b,bitcast<vec4u>(a.Pa>>vec4u(18u)));return dU(c,a.H,vec4u());}
fn dW(Ga:vec4u)->vec4<bool>{return Ga+vec4u(dP)>vec4u(2u*dP);}
fn dX(Ra:u32,n:u32,m:u32){let a=atomicAdd(&aD[Ra],n)+n;let b=m+u32(a<n);if atomicAdd(&aD[Ra+1u],b)+b<b{atomicOr(&aD[Ra+2u],dQ);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let f=bW(p.M+a.x,p.N);let g=f.x;let i=f.y;let j=g==i;let q=p.t+a.y;let n=q/p.T;let o=n*p.U+(q%p.T)*p.V;let r=min(p.e,min((n+1u)*p.U,o+p.V));let z=select(p.R,p.Q,j);let A=select(p.Z,p.Y,j);let B=select(p.X*p.X,p.X*(p.X+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.X,D%p.X);if j{E=bW(D,p.X);}let F=E.x;let G=E.y;let H=select(cD,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.X;let L=4u*(J/p.X);let M=select(g,i,I)*p.W+4u*K;let N=select(0u,cD,I)+L*p.X+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.C);let Q=min(O,vec4u(p.C-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);let m=dS();var e=m;var t=m;var y=m;var S=m;var T=aU();var U=T;var V=T;var W=T;var Da=0u;var bH=vec4<bool>();for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var X=vec4u();var Y=vec4u();var Z=vec4u();var Aa=vec4u();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);X=select(vec4u(),x[Ha.x],Ma&vec4<bool>(P.x));Y=select(vec4u(),x[Ha.y],Ma&vec4<bool>(P.y));Z=select(vec4u(),x[Ha.z],Ma&vec4<bool>(P.z));Aa=select(vec4u(),x[Ha.w],Ma&vec4<bool>(P.w));}let Na=array(vec4u(X.x,Y.x,Z.x,Aa.x),vec4u(X.y,Y.y,Z.y,Aa.y),vec4u(X.z,Y.z,Z.z,Aa.z),vec4u(X.w,Y.w,Z.w,Aa.w));bH|=dW(Na[0])|dW(Na[1]);bH|=dW(Na[2])|dW(Na[3]);cC[N]=bitcast<vec4i>(Na[0]);cC[N+p.X]=bitcast<vec4i>(Na[1]);cC[N+2u*p.X]=bitcast<vec4i>(Na[2]);cC[N+3u*p.X]=bitcast<vec4i>(Na[3]);}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=cA*z){var Ra=Pa*p.X;for(var Sa=0u;Sa<cA;Sa++){let X=cC[Ra+F];let Y=cC[H+Ra+G];Ra+=z*p.X;e=dT(e,vec4i(X.x)-Y);t=dT(t,vec4i(X.y)-Y);y=dT(y,vec4i(X.z)-Y);S=dT(S,vec4i(X.w)-Y);}Da++;if Da==RUNS{T=dV(T,e);U=dV(U,t);V=dV(V,y);W=dV(W,S);e=m;t=m;y=m;S=m;Da=0u;}}}workgroupBarrier();}let Ba=3u*p.W*p.W*((n-p.t/p.T)*b.x+a.x);for(var Sa=0u;Sa<4u;Sa++){if bH[Sa]{dY(Ba,4u*K+Sa,vec2<bool>(!I,I||j));}}if C>=z{return;}let Ca=cW(g*p.W,i*p.W,4u*F,4u*G,Ba);dZ(Ca,0u,dV(T,e));dZ(Ca,1u,dV(U,t));dZ(Ca,2u,dV(V,y));dZ(Ca,3u,dV(W,S));}
fn dY(Ba:u32,b:u32,a:vec2<bool>){for(var f=0u;f<p.W;f++){if a.x{atomicOr(&aD[Ba+3u*(b*p.W+f)+2u],dR);}if a.y{atomicOr(&aD[Ba+3u*(f*p.W+b)+2u],dR);}}}
struct cW{Qa:u32,Ra:u32,a:u32,b:u32,Sa:u32}
fn dZ(E:cW,Sa:u32,y:aU){eA(E,vec2u(Sa,0u),vec2u(y.H.x,y.G.x));eA(E,vec2u(Sa,1u),vec2u(y.H.y,y.G.y));eA(E,vec2u(Sa,2u),vec2u(y.H.z,y.G.z));eA(E,vec2u(Sa,3u),vec2u(y.H.w,y.G.w));}
fn eA(E:cW,a:vec2u,g:vec2u){let X=E.a+a.x;let Y=E.b+a.y;if E.Ra+Y>=p.C||E.Qa+X>=E.Ra+Y{return;}dX(E.Sa+3u*(X*p.W+Y),g.x,g.y);}
`,
  sum_rows: `${columns}struct aA{C:u32,e:u32,D:u32,X:u32,o:u32,Ta:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}var z=vec4u();if p.Ta==1u{for(var e=0u;e<p.C;e++){z+=x[starts[e]/4u+Ha];}}let Ea=a.z*p.o;for(var Sa=Ea;Sa<min(p.X,Ea+p.o);Sa++){var g=z*aC[4u*Sa];var Ra=aC[4u*Sa+1u];let f=aC[4u*Sa+2u];let r=aC[4u*Sa+3u];for(;Ra<f;Ra++){g+=x[starts[aC[Ra]]/4u+Ha];}for(;Ra<r;Ra++){g-=x[starts[aC[Ra]]/4u+Ha];}aD[Sa*(p.D/4u)+Ha]=g;}}
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
@group(0)@binding(0)var<storage,read>eB:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(j:u32)->u32{let i=(j&0x8000u)<<16u;let n=j&0x7fffu;if n>=0x7c00u{return i|0x7f800000u|(n<<13u);}if n>=0x0400u{return i|((n<<13u)+(112u<<23u));}if n==0u{return i;}let Ea=firstLeadingBit(n);return i|((Ea+103u)<<23u)|((n<<(23u-Ea))&0x007fffffu);}
fn eC(q:u32)->vec2u{if p.Va==1u{return vec2u(q<<16u,q&0xffff0000u);}return vec2u(widened(q&0xffffu),widened(q>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=(a.y*b.x+a.x)*WG_SIZE+c;if Ha>=p.Ua{return;}let Ga=eB[Ha];aD[p.begin+Ha]=vec4u(eC(Ga.x),eC(Ga.y));}
`,
};
