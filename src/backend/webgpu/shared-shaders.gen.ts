/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

export const bits: string = `const bH:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cA:u32=0x7f800000u;
const bA:u32=0x7fc00000u;
const aS:i32= -100000;
fn aU(q:u32)->bool{return(q&cA)!=cA;}
fn cX(q:u32)->bool{return(q&MAGNITUDE)>cA;}
fn aV(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aS;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn aX(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var f=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let a=23u-firstLeadingBit(e);f=(e<<a)&0x007fffffu;b=1-i32(a);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bH)|(u32(min(b,254))<<23u)|f);}
fn power(aV:i32)->f32{return bitcast<f32>(u32(max(aV,-127)+127)<<23u);}
fn aP(j:f32,S:i32)->u32{let q=bitcast<u32>(j);let f=q&bH;let e=q&MAGNITUDE;if e<0x00800000u{return f;}let b=i32(e>>23u)+S;let a=e&0x007fffffu;if b>=255{return f|cA;}if b>0{return f|(u32(b)<<23u)|a;}let bV=1-b;if bV>24{return f;}let c=a|0x00800000u;let g=c>>u32(bV);let m=c&((1u<<u32(bV))-1u);let i=1u<<u32(bV-1);let n=m>i||(m==i&&(g&1u)==1u);return f|(g+u32(n));}
const eD:u32=0x007fffffu;
const eE:u32=0xff000001u;
fn key_of(q:u32)->u32{let r=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(r|bH))-eD;}
fn finite_word(B:u32)->u32{let flipped=B+eD;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bH);}
fn word_of(B:u32)->u32{return select(finite_word(B),bA,B>eE);}
`;

export const chacha20: string = `struct aJ{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn eF(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn eG(dT:aJ)->aJ{var b=dT;b.a+=b.b;b.d=eF(b.d^b.a,16u);b.i+=b.d;b.b=eF(b.b^b.i,12u);b.a+=b.b;b.d=eF(b.d^b.a,8u);b.i+=b.d;b.b=eF(b.b^b.i,7u);return b;}
fn aI(dT:aJ)->aJ{var b=dT;for(var a=0u;a<20u;a+=2u){b=eG(b);b=eG(aJ(b.a,b.b.yzwx,b.i.zwxy,b.d.wxyz));b=aJ(b.a,b.b.wxyz,b.i.zwxy,b.d.yzwx);}return aJ(b.a+dT.a,b.b+dT.b,b.i+dT.i,b.d+dT.d);}
`;

export const columns: string = `override WG_SIZE:u32=64;
fn aH(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

export const distance: string = `const bE:u32=0xffffffffu;
const eH:u32=0x0c800000u;
const eI:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=eH&&e<eI);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bF(q:u32,e:u32)->u32{if q==e&& !cX(q){return 0u;}if!aU(q)|| !aU(e){return bE;}let t=max(aV(q),aV(e));let A=bitcast<u32>(aX(q,-t)-aX(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bI(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bF(q,e);}
`;

export const ends: string = `struct eJ{t:u32,q:u32}
fn cD(Fa:u32)->eJ{var e=eJ();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.j;o++){let B=cC(o,Fa);a+=u32(B<(e.t|C));i+=u32(B<(e.q|C));}if a<=p.begin{e.t|=C;}if i<=p.end-1u{e.q|=C;}}return e;}
`;

export const kept: string = `const eK:i32= -80;
struct eL{least:u32,Wa:u32,top:i32,sum:bB}
fn nothing_kept()->eL{return eL(0xffffffffu,0u,eK,bB());}
fn eM(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,eK,126);}
fn widened(kept:eL,i:u32,a:u32)->eL{let t=max(kept.top,max(eM(i),eM(a)));let bV=power(kept.top-t);let g=bB(kept.sum.q*bV,kept.sum.t*bV);return eL(min(kept.least,i),max(kept.Wa,a),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:eL,Fa:u32,o:u32,r:u32)->u32{if kept.least==kept.Wa{return word_of(kept.least);}if kept.top==eK{return cE(Fa,kept.least,kept.Wa,o,r);}var z=aT(kept.sum,0u);eN(word_of(kept.least),&z);eN(word_of(kept.Wa),&z);return aY(z,f32(r-o),kept.top,p.zero);}
fn cE(Fa:u32,i:u32,a:u32,o:u32,r:u32)->u32{if i==a{return word_of(i);}var t=aS;var z=aT();bG(word_of(i),&t,&z);bG(word_of(a),&t,&z);if z.B==0u{var b=0u;var c=0u;for(var e=0u;e<p.j;e++){let q=x[starts[e]+Fa];let B=key_of(q);b+=u32(B<=i);c+=u32(B<a);if B<=i||B>=a{continue;}z.sum=add(z.sum,aX(q,-t),p.zero);}let f=f32(b-o)*aX(word_of(i),-t);let g=f32(r-c)*aX(word_of(a),-t);z.sum=add(add(z.sum,f,p.zero),g,p.zero);}return aY(z,f32(r-o),t,p.zero);}
`;

export const scaled: string = `const MAGNITUDE:u32=0x7fffffffu;
const bH:u32=0x80000000u;
const dX:u32=0x00800000u;
struct dR{Ua:u32,Ca:i32}
fn dY(e:u32)->dR{return dR((e&(dX-1u))|dX,i32(e>>23u)-150);}
fn word_of(j:dR)->u32{if j.Ua==0u{return 0u;}return(u32(j.Ca+150)<<23u)|(j.Ua&(dX-1u));}
fn dS(j:dR,m:u32,i:u32)->dR{let n=m>i||(m==i&&m!=0u&&(j.Ua&1u)==1u);let a=j.Ua+u32(n);if a==2u*dX{return dR(dX,j.Ca+1);}return dR(a,j.Ca);}
fn bM(X:dR,Y:dR)->dR{let x=vec2u(X.Ua>>12u,X.Ua&0xfffu);let a=vec2u(Y.Ua>>12u,Y.Ua&0xfffu);let g=x.x*a.y+x.y*a.x;let n=x.y*a.y+((g&0xfffu)<<12u);var m=x.x*a.x+(g>>12u)+(n>>24u);var b=n&0xffffffu;var aV=X.Ca+Y.Ca+24;if m<dX{m=(m<<1u)|(b>>23u);b=(b<<1u)&0xffffffu;aV-=1;}return dS(dR(m,aV),b,dX);}
`;

export const sum: string = `override compensated:bool=true;
struct bB{q:f32,t:f32}
fn bC(j:f32,a:u32)->f32{return bitcast<f32>(bitcast<u32>(j)^a);}
fn scaled_by(j:f32,a:f32,b:u32)->f32{return bC(j*a,b);}
fn eO(X:f32,Y:f32,b:u32)->bB{let a=bC(X+Y,b);if!compensated{return bB(a,0.0);}let c=bC(a-X,b);let e=bC(a-c,b);return bB(a,(X-e)+(Y-c));}
fn add(g:bB,j:f32,b:u32)->bB{let c=eO(g.q,j,b);return bB(c.q,g.t+c.t);}
fn bN(X:bB,Y:bB,b:u32)->bB{let c=eO(X.q,Y.q,b);return bB(c.q,c.t+(X.t+Y.t));}
struct aT{sum:bB,B:u32}
const eP:u32=1u;
const eQ:u32=2u;
const eR:u32=4u;
fn aW(q:u32,a:u32)->u32{if cX(q){return eR;}return select(eP,eQ,((q^a)&bH)!=0u);}
fn eN(q:u32,z:ptr<function,aT>){if!aU(q){(*z).B|=aW(q,0u);}}
fn bG(q:u32,t:ptr<function,i32>,z:ptr<function,aT>){if aU(q){*t=max(*t,aV(q));}eN(q,z);}
fn eS(g:bB,a:f32,b:u32)->f32{let Ea=bC((g.q+g.t)/a,b);let c=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bC(Ea-c,b);let f=bC(bC(g.q-c*a,b)-e*a,b);return Ea+(f+g.t)/a;}
fn aY(z:aT,a:f32,S:i32,b:u32)->u32{switch z.B{case 0u:{return aP(eS(z.sum,a,b),S);}case eP:{return cA;}case eQ:{return cA|bH;}default:{return bA;}}}
`;

export const sums: string = `struct aO{q:vec4f,t:vec4f,A:vec4f}
fn eT(t:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(b));}
fn aZ(y:aO,a:vec4f,b:u32)->aO{let c=max(y.A,abs(a));let e=eT(y.q+a,b);if!compensated{return aO(e,y.t,c);}let f=eT(e-y.q,b);let g=eT(e-f,b);return aO(e,y.t+((y.q-g)+(a-f)),c);}
`;

export const triangle: string = `fn bL(D:u32,Oa:u32)->vec2u{var e=0u;var b=D;while b>=Oa-e{b-=Oa-e;e++;}return vec2u(e,e+b);}
`;

export const words: string = `const bH:u32=0x80000000u;
fn flipped(q:u32)->u32{return q^bH;}
`;
