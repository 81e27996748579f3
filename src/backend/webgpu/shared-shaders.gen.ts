/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

export const bits: string = `const bL:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cE:u32=0x7f800000u;
const bE:u32=0x7fc00000u;
const aW:i32= -100000;
fn aY(q:u32)->bool{return(q&cE)!=cE;}
fn dB(q:u32)->bool{return(q&MAGNITUDE)>cE;}
fn aZ(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aW;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn bB(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var g=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let a=23u-firstLeadingBit(e);g=(e<<a)&0x007fffffu;b=1-i32(a);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bL)|(u32(min(b,254))<<23u)|g);}
fn power(aZ:i32)->f32{return bitcast<f32>(u32(max(aZ,-127)+127)<<23u);}
fn aT(f:f32,S:i32)->u32{let q=bitcast<u32>(f);let i=q&bL;let e=q&MAGNITUDE;if e<0x00800000u{return i;}let b=i32(e>>23u)+S;let g=e&0x007fffffu;if b>=255{return i|cE;}if b>0{return i|(u32(b)<<23u)|g;}let bZ=1-b;if bZ>24{return i;}let a=g|0x00800000u;let c=a>>u32(bZ);let m=a&((1u<<u32(bZ))-1u);let j=1u<<u32(bZ-1);let n=m>j||(m==j&&(c&1u)==1u);return i|(c+u32(n));}
const eC:u32=0x007fffffu;
const eD:u32=0xff000001u;
fn key_of(q:u32)->u32{let r=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(r|bL))-eC;}
fn finite_word(B:u32)->u32{let flipped=B+eC;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bL);}
fn word_of(B:u32)->u32{return select(finite_word(B),bE,B>eD);}
`;

export const chacha20: string = `struct aJ{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn eE(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn eF(aK:aJ)->aJ{var e=aK;e.a+=e.b;e.d=eE(e.d^e.a,16u);e.i+=e.d;e.b=eE(e.b^e.i,12u);e.a+=e.b;e.d=eE(e.d^e.a,8u);e.i+=e.d;e.b=eE(e.b^e.i,7u);return e;}
fn aI(aK:aJ)->aJ{var e=aK;for(var a=0u;a<20u;a+=2u){e=eF(e);e=eF(aJ(e.a,e.b.yzwx,e.i.zwxy,e.d.wxyz));e=aJ(e.a,e.b.wxyz,e.i.zwxy,e.d.yzwx);}return aJ(e.a+aK.a,e.b+aK.b,e.i+aK.i,e.d+aK.d);}
`;

export const columns: string = `override WG_SIZE:u32=64;
fn aH(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

export const distance: string = `const bI:u32=0xffffffffu;
const eG:u32=0x0c800000u;
const eH:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=eG&&e<eH);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bJ(q:u32,e:u32)->u32{if q==e&& !dB(q){return 0u;}if!aY(q)|| !aY(e){return bI;}let t=max(aZ(q),aZ(e));let A=bitcast<u32>(bB(q,-t)-bB(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bM(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bJ(q,e);}
`;

export const ends: string = `struct eI{B:u32,A:u32}
fn cH(Fa:u32)->eI{var e=eI();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.n;o++){let B=cG(o,Fa);a+=u32(B<(e.B|C));i+=u32(B<(e.A|C));}if a<=p.begin{e.B|=C;}if i<=p.end-1u{e.A|=C;}}return e;}
`;

export const kept: string = `const eJ:i32= -80;
struct eK{least:u32,Wa:u32,top:i32,sum:bF}
fn nothing_kept()->eK{return eK(0xffffffffu,0u,eJ,bF());}
fn eL(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,eJ,126);}
fn widened(kept:eK,j:u32,a:u32)->eK{let t=max(kept.top,max(eL(j),eL(a)));let bZ=power(kept.top-t);let g=bF(kept.sum.A*bZ,kept.sum.B*bZ);return eK(min(kept.least,j),max(kept.Wa,a),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:eK,Fa:u32,o:u32,r:u32)->u32{if kept.least==kept.Wa{return word_of(kept.least);}if kept.top==eJ{return cI(Fa,kept.least,kept.Wa,o,r);}var z=aX(kept.sum,0u);eM(word_of(kept.least),&z);eM(word_of(kept.Wa),&z);return bC(z,f32(r-o),kept.top,p.zero);}
fn cI(Fa:u32,j:u32,a:u32,o:u32,r:u32)->u32{if j==a{return word_of(j);}var t=aW;var z=aX();bK(word_of(j),&t,&z);bK(word_of(a),&t,&z);if z.D==0u{var b=0u;var c=0u;for(var e=0u;e<p.n;e++){let q=x[starts[e]+Fa];let B=key_of(q);b+=u32(B<=j);c+=u32(B<a);if B<=j||B>=a{continue;}z.sum=add(z.sum,bB(q,-t),p.zero);}let f=f32(b-o)*bB(word_of(j),-t);let g=f32(r-c)*bB(word_of(a),-t);z.sum=add(add(z.sum,f,p.zero),g,p.zero);}return bC(z,f32(r-o),t,p.zero);}
`;

export const scaled: string = `const MAGNITUDE:u32=0x7fffffffu;
const bL:u32=0x80000000u;
const dY:u32=0x00800000u;
struct eA{Ta:u32,Ea:i32}
fn dU(e:u32)->eA{return eA((e&(dY-1u))|dY,i32(e>>23u)-150);}
fn word_of(f:eA)->u32{if f.Ta==0u{return 0u;}return(u32(f.Ea+150)<<23u)|(f.Ta&(dY-1u));}
fn dZ(f:eA,m:u32,j:u32)->eA{let n=m>j||(m==j&&m!=0u&&(f.Ta&1u)==1u);let a=f.Ta+u32(n);if a==2u*dY{return eA(dY,f.Ea+1);}return eA(a,f.Ea);}
fn dT(e:u32)->eA{if e==0u{return eA(0u,0);}let t=firstLeadingBit(e);if t<=23u{return eA(e<<(23u-t),i32(t)-23);}let bZ=t-23u;let m=e&((1u<<bZ)-1u);return dZ(eA(e>>bZ,i32(bZ)),m,1u<<(bZ-1u));}
fn bQ(Y:eA,Z:eA)->eA{let x=vec2u(Y.Ta>>12u,Y.Ta&0xfffu);let a=vec2u(Z.Ta>>12u,Z.Ta&0xfffu);let f=x.x*a.y+x.y*a.x;let n=x.y*a.y+((f&0xfffu)<<12u);var m=x.x*a.x+(f>>12u)+(n>>24u);var b=n&0xffffffu;var aZ=Y.Ea+Z.Ea+24;if m<dY{m=(m<<1u)|(b>>23u);b=(b<<1u)&0xffffffu;aZ-=1;}return dZ(eA(m,aZ),b,dY);}
`;

export const sum: string = `override compensated:bool=true;
struct bF{A:f32,B:f32}
fn bG(f:f32,a:u32)->f32{return bitcast<f32>(bitcast<u32>(f)^a);}
fn scaled_by(f:f32,a:f32,b:u32)->f32{return bG(f*a,b);}
fn eN(Y:f32,Z:f32,b:u32)->bF{let e=bG(Y+Z,b);if!compensated{return bF(e,0.0);}let a=bG(e-Y,b);let c=bG(e-a,b);return bF(e,(Y-c)+(Z-a));}
fn add(g:bF,f:f32,b:u32)->bF{let c=eN(g.A,f,b);return bF(c.A,g.B+c.B);}
fn bR(Y:bF,Z:bF,b:u32)->bF{let c=eN(Y.A,Z.A,b);return bF(c.A,c.B+(Y.B+Z.B));}
struct aX{sum:bF,D:u32}
const eO:u32=1u;
const eP:u32=2u;
const eQ:u32=4u;
fn bA(q:u32,a:u32)->u32{if dB(q){return eQ;}return select(eO,eP,((q^a)&bL)!=0u);}
fn eM(q:u32,z:ptr<function,aX>){if!aY(q){(*z).D|=bA(q,0u);}}
fn bK(q:u32,t:ptr<function,i32>,z:ptr<function,aX>){if aY(q){*t=max(*t,aZ(q));}eM(q,z);}
fn eR(g:bF,a:f32,b:u32)->f32{let Ea=bG((g.A+g.B)/a,b);let c=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bG(Ea-c,b);let f=bG(bG(g.A-c*a,b)-e*a,b);return Ea+(f+g.B)/a;}
fn bC(z:aX,a:f32,S:i32,b:u32)->u32{switch z.D{case 0u:{return aT(eR(z.sum,a,b),S);}case eO:{return cE;}case eP:{return cE|bL;}default:{return bE;}}}
`;

export const sums: string = `struct aS{A:vec4f,B:vec4f,C:vec4f}
fn eS(t:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(b));}
fn bD(y:aS,a:vec4f,b:u32)->aS{let c=max(y.C,abs(a));let e=eS(y.A+a,b);if!compensated{return aS(e,y.B,c);}let f=eS(e-y.A,b);let g=eS(e-f,b);return aS(e,y.B+((y.A-g)+(a-f)),c);}
`;

export const triangle: string = `fn bP(D:u32,Oa:u32)->vec2u{var e=0u;var b=D;while b>=Oa-e{b-=Oa-e;e++;}return vec2u(e,e+b);}
`;

export const words: string = `const bL:u32=0x80000000u;
fn flipped(q:u32)->u32{return q^bL;}
`;
