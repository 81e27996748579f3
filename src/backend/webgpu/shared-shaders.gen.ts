/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

export const bits: string = `const bH:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cA:u32=0x7f800000u;
const bA:u32=0x7fc00000u;
const aS:i32= -100000;
fn aU(q:u32)->bool{return(q&cA)!=cA;}
fn cX(q:u32)->bool{return(q&MAGNITUDE)>cA;}
fn aV(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aS;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn aX(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var g=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let a=23u-firstLeadingBit(e);g=(e<<a)&0x007fffffu;b=1-i32(a);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bH)|(u32(min(b,254))<<23u)|g);}
fn power(aV:i32)->f32{return bitcast<f32>(u32(max(aV,-127)+127)<<23u);}
fn aP(f:f32,S:i32)->u32{let q=bitcast<u32>(f);let i=q&bH;let e=q&MAGNITUDE;if e<0x00800000u{return i;}let b=i32(e>>23u)+S;let g=e&0x007fffffu;if b>=255{return i|cA;}if b>0{return i|(u32(b)<<23u)|g;}let bV=1-b;if bV>24{return i;}let a=g|0x00800000u;let c=a>>u32(bV);let m=a&((1u<<u32(bV))-1u);let j=1u<<u32(bV-1);let n=m>j||(m==j&&(c&1u)==1u);return i|(c+u32(n));}
const eC:u32=0x007fffffu;
const eD:u32=0xff000001u;
fn key_of(q:u32)->u32{let r=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(r|bH))-eC;}
fn finite_word(B:u32)->u32{let flipped=B+eC;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bH);}
fn word_of(B:u32)->u32{return select(finite_word(B),bA,B>eD);}
`;

export const chacha20: string = `struct aJ{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn eE(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn eF(dR:aJ)->aJ{var c=dR;c.a+=c.b;c.d=eE(c.d^c.a,16u);c.i+=c.d;c.b=eE(c.b^c.i,12u);c.a+=c.b;c.d=eE(c.d^c.a,8u);c.i+=c.d;c.b=eE(c.b^c.i,7u);return c;}
fn aI(dR:aJ)->aJ{var c=dR;for(var a=0u;a<20u;a+=2u){c=eF(c);c=eF(aJ(c.a,c.b.yzwx,c.i.zwxy,c.d.wxyz));c=aJ(c.a,c.b.wxyz,c.i.zwxy,c.d.yzwx);}return aJ(c.a+dR.a,c.b+dR.b,c.i+dR.i,c.d+dR.d);}
`;

export const columns: string = `override WG_SIZE:u32=64;
fn aH(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

export const distance: string = `const bE:u32=0xffffffffu;
const eG:u32=0x0c800000u;
const eH:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=eG&&e<eH);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bF(q:u32,e:u32)->u32{if q==e&& !cX(q){return 0u;}if!aU(q)|| !aU(e){return bE;}let t=max(aV(q),aV(e));let A=bitcast<u32>(aX(q,-t)-aX(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bI(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bF(q,e);}
`;

export const ends: string = `struct eI{t:u32,q:u32}
fn cD(Fa:u32)->eI{var e=eI();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.j;o++){let B=cC(o,Fa);a+=u32(B<(e.t|C));i+=u32(B<(e.q|C));}if a<=p.begin{e.t|=C;}if i<=p.end-1u{e.q|=C;}}return e;}
`;

export const kept: string = `const eJ:i32= -80;
struct eK{least:u32,Wa:u32,top:i32,sum:bB}
fn nothing_kept()->eK{return eK(0xffffffffu,0u,eJ,bB());}
fn eL(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,eJ,126);}
fn widened(kept:eK,j:u32,a:u32)->eK{let t=max(kept.top,max(eL(j),eL(a)));let bV=power(kept.top-t);let g=bB(kept.sum.q*bV,kept.sum.t*bV);return eK(min(kept.least,j),max(kept.Wa,a),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:eK,Fa:u32,o:u32,r:u32)->u32{if kept.least==kept.Wa{return word_of(kept.least);}if kept.top==eJ{return cE(Fa,kept.least,kept.Wa,o,r);}var z=aT(kept.sum,0u);eM(word_of(kept.least),&z);eM(word_of(kept.Wa),&z);return aY(z,f32(r-o),kept.top,p.zero);}
fn cE(Fa:u32,j:u32,a:u32,o:u32,r:u32)->u32{if j==a{return word_of(j);}var t=aS;var z=aT();bG(word_of(j),&t,&z);bG(word_of(a),&t,&z);if z.B==0u{var b=0u;var c=0u;for(var e=0u;e<p.j;e++){let q=x[starts[e]+Fa];let B=key_of(q);b+=u32(B<=j);c+=u32(B<a);if B<=j||B>=a{continue;}z.sum=add(z.sum,aX(q,-t),p.zero);}let f=f32(b-o)*aX(word_of(j),-t);let g=f32(r-c)*aX(word_of(a),-t);z.sum=add(add(z.sum,f,p.zero),g,p.zero);}return aY(z,f32(r-o),t,p.zero);}
`;

export const scaled: string = `const MAGNITUDE:u32=0x7fffffffu;
const bH:u32=0x80000000u;
const dV:u32=0x00800000u;
struct dX{Sa:u32,Ca:i32}
fn dQ(e:u32)->dX{return dX((e&(dV-1u))|dV,i32(e>>23u)-150);}
fn word_of(f:dX)->u32{if f.Sa==0u{return 0u;}return(u32(f.Ca+150)<<23u)|(f.Sa&(dV-1u));}
fn dW(f:dX,m:u32,j:u32)->dX{let n=m>j||(m==j&&m!=0u&&(f.Sa&1u)==1u);let a=f.Sa+u32(n);if a==2u*dV{return dX(dV,f.Ca+1);}return dX(a,f.Ca);}
fn dP(e:u32)->dX{if e==0u{return dX(0u,0);}let t=firstLeadingBit(e);if t<=23u{return dX(e<<(23u-t),i32(t)-23);}let bV=t-23u;let m=e&((1u<<bV)-1u);return dW(dX(e>>bV,i32(bV)),m,1u<<(bV-1u));}
fn bM(Y:dX,Z:dX)->dX{let x=vec2u(Y.Sa>>12u,Y.Sa&0xfffu);let a=vec2u(Z.Sa>>12u,Z.Sa&0xfffu);let f=x.x*a.y+x.y*a.x;let n=x.y*a.y+((f&0xfffu)<<12u);var m=x.x*a.x+(f>>12u)+(n>>24u);var b=n&0xffffffu;var aV=Y.Ca+Z.Ca+24;if m<dV{m=(m<<1u)|(b>>23u);b=(b<<1u)&0xffffffu;aV-=1;}return dW(dX(m,aV),b,dV);}
`;

export const sum: string = `override compensated:bool=true;
struct bB{q:f32,t:f32}
fn bC(f:f32,a:u32)->f32{return bitcast<f32>(bitcast<u32>(f)^a);}
fn scaled_by(f:f32,a:f32,b:u32)->f32{return bC(f*a,b);}
fn eN(Y:f32,Z:f32,b:u32)->bB{let c=bC(Y+Z,b);if!compensated{return bB(c,0.0);}let a=bC(c-Y,b);let e=bC(c-a,b);return bB(c,(Y-e)+(Z-a));}
fn add(g:bB,f:f32,b:u32)->bB{let c=eN(g.q,f,b);return bB(c.q,g.t+c.t);}
fn bN(Y:bB,Z:bB,b:u32)->bB{let c=eN(Y.q,Z.q,b);return bB(c.q,c.t+(Y.t+Z.t));}
struct aT{sum:bB,B:u32}
const eO:u32=1u;
const eP:u32=2u;
const eQ:u32=4u;
fn aW(q:u32,a:u32)->u32{if cX(q){return eQ;}return select(eO,eP,((q^a)&bH)!=0u);}
fn eM(q:u32,z:ptr<function,aT>){if!aU(q){(*z).B|=aW(q,0u);}}
fn bG(q:u32,t:ptr<function,i32>,z:ptr<function,aT>){if aU(q){*t=max(*t,aV(q));}eM(q,z);}
fn eR(g:bB,a:f32,b:u32)->f32{let Ea=bC((g.q+g.t)/a,b);let c=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bC(Ea-c,b);let f=bC(bC(g.q-c*a,b)-e*a,b);return Ea+(f+g.t)/a;}
fn aY(z:aT,a:f32,S:i32,b:u32)->u32{switch z.B{case 0u:{return aP(eR(z.sum,a,b),S);}case eO:{return cA;}case eP:{return cA|bH;}default:{return bA;}}}
`;

export const sums: string = `struct aO{q:vec4f,t:vec4f,A:vec4f}
fn eS(t:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(b));}
fn aZ(y:aO,a:vec4f,b:u32)->aO{let c=max(y.A,abs(a));let e=eS(y.q+a,b);if!compensated{return aO(e,y.t,c);}let f=eS(e-y.q,b);let g=eS(e-f,b);return aO(e,y.t+((y.q-g)+(a-f)),c);}
`;

export const triangle: string = `fn bL(D:u32,Oa:u32)->vec2u{var e=0u;var b=D;while b>=Oa-e{b-=Oa-e;e++;}return vec2u(e,e+b);}
`;

export const words: string = `const bH:u32=0x80000000u;
fn flipped(q:u32)->u32{return q^bH;}
`;
