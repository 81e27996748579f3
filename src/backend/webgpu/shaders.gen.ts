/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const bK:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cC:u32=0x7f800000u;
const bD:u32=0x7fc00000u;
const aV:i32= -100000;
fn aX(q:u32)->bool{return(q&cC)!=cC;}
fn cZ(q:u32)->bool{return(q&MAGNITUDE)>cC;}
fn aY(q:u32)->i32{let e=q&MAGNITUDE;if e==0u{return aV;}let b=i32(e>>23u);if b>0{return b-127;}return i32(firstLeadingBit(e))-149;}
fn bA(q:u32,S:i32)->f32{let e=q&MAGNITUDE;var b=i32(e>>23u);var a=e&0x007fffffu;if b==0{if e==0u{return 0.0;}let c=23u-firstLeadingBit(e);a=(e<<c)&0x007fffffu;b=1-i32(c);}b+=S;if b<=0{return 0.0;}return bitcast<f32>((q&bK)|(u32(min(b,254))<<23u)|a);}
fn power(aY:i32)->f32{return bitcast<f32>(u32(max(aY,-127)+127)<<23u);}
fn aS(a:f32,S:i32)->u32{let q=bitcast<u32>(a);let f=q&bK;let e=q&MAGNITUDE;if e<0x00800000u{return f;}let b=i32(e>>23u)+S;let c=e&0x007fffffu;if b>=255{return f|cC;}if b>0{return f|(u32(b)<<23u)|c;}let bX=1-b;if bX>24{return f;}let g=c|0x00800000u;let i=g>>u32(bX);let m=g&((1u<<u32(bX))-1u);let j=1u<<u32(bX-1);let n=m>j||(m==j&&(i&1u)==1u);return f|(i+u32(n));}
const dO:u32=0x007fffffu;
const dP:u32=0xff000001u;
fn key_of(q:u32)->u32{let a=bitcast<u32>(bitcast<i32>(q)>>31u);return(q^(a|bK))-dO;}
fn finite_word(B:u32)->u32{let flipped=B+dO;let a=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~a|bK);}
fn word_of(B:u32)->u32{return select(finite_word(B),bD,B>dP);}
`;

const chacha20 = `struct aI{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn dQ(Ga:vec4u,q:u32)->vec4u{return(Ga<<vec4u(q))|(Ga>>vec4u(32u-q));}
fn dR(aJ:aI)->aI{var e=aJ;e.a+=e.b;e.d=dQ(e.d^e.a,16u);e.i+=e.d;e.b=dQ(e.b^e.i,12u);e.a+=e.b;e.d=dQ(e.d^e.a,8u);e.i+=e.d;e.b=dQ(e.b^e.i,7u);return e;}
fn aH(aJ:aI)->aI{var e=aJ;for(var a=0u;a<20u;a+=2u){e=dR(e);e=dR(aI(e.a,e.b.yzwx,e.i.zwxy,e.d.wxyz));e=aI(e.a,e.b.wxyz,e.i.zwxy,e.d.yzwx);}return aI(e.a+aJ.a,e.b+aJ.b,e.i+aJ.i,e.d+aJ.d);}
`;

const columns = `override WG_SIZE:u32=64;
fn aG(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

const distance = `const bH:u32=0xffffffffu;
const dS:u32=0x0c800000u;
const dT:u32=0x7e800000u;
fn is_tame(q:u32)->bool{let e=q&MAGNITUDE;return e==0u||(e>=dS&&e<dT);}
fn tame_distance_word(q:u32,e:u32)->u32{return bitcast<u32>(bitcast<f32>(q)-bitcast<f32>(e))&MAGNITUDE;}
fn bI(q:u32,e:u32)->u32{if q==e&& !cZ(q){return 0u;}if!aX(q)|| !aX(e){return bH;}let t=max(aY(q),aY(e));let A=bitcast<u32>(bA(q,-t)-bA(e,-t))&MAGNITUDE;if A==0u{return 0u;}return A+(bitcast<u32>(t+23)<<23u);}
fn bL(q:u32,e:u32,f:bool)->u32{if f{return tame_distance_word(q,e);}return bI(q,e);}
`;

const ends = `struct dU{B:u32,A:u32}
fn cF(Fa:u32)->dU{var e=dU();for(var C=0x80000000u;C>0u;C>>=1u){var a=0u;var i=0u;for(var o=0u;o<p.n;o++){let B=cE(o,Fa);a+=u32(B<(e.B|C));i+=u32(B<(e.A|C));}if a<=p.begin{e.B|=C;}if i<=p.end-1u{e.A|=C;}}return e;}
`;

const kept = `const dV:i32= -80;
struct dW{least:u32,Qa:u32,top:i32,sum:bE}
fn nothing_kept()->dW{return dW(0xffffffffu,0u,dV,bE());}
fn dX(B:u32)->i32{return clamp(i32((finite_word(B)>>23u)&0xffu)-127,dV,126);}
fn widened(kept:dW,a:u32,b:u32)->dW{let t=max(kept.top,max(dX(a),dX(b)));let bX=power(kept.top-t);let g=bE(kept.sum.A*bX,kept.sum.B*bX);return dW(min(kept.least,a),max(kept.Qa,b),t,g);}
fn value_of(B:u32,a:f32)->f32{return scaled_by(bitcast<f32>(finite_word(B)),a,p.zero);}
fn kept_word(kept:dW,Fa:u32,o:u32,q:u32)->u32{if kept.least==kept.Qa{return word_of(kept.least);}if kept.top==dV{return cG(Fa,kept.least,kept.Qa,o,q);}var z=aW(kept.sum,0u);dY(word_of(kept.least),&z);dY(word_of(kept.Qa),&z);return bB(z,f32(q-o),kept.top,p.zero);}
fn cG(Fa:u32,a:u32,b:u32,o:u32,q:u32)->u32{if a==b{return word_of(a);}var t=aV;var z=aW();bJ(word_of(a),&t,&z);bJ(word_of(b),&t,&z);if z.D==0u{var c=0u;var e=0u;for(var f=0u;f<p.n;f++){let g=x[starts[f]+Fa];let B=key_of(g);c+=u32(B<=a);e+=u32(B<b);if B<=a||B>=b{continue;}z.sum=add(z.sum,bA(g,-t),p.zero);}let i=f32(c-o)*bA(word_of(a),-t);let j=f32(q-e)*bA(word_of(b),-t);z.sum=add(add(z.sum,i,p.zero),j,p.zero);}return bB(z,f32(q-o),t,p.zero);}
`;

const sum = `override compensated:bool=true;
struct bE{A:f32,B:f32}
fn bF(a:f32,b:u32)->f32{return bitcast<f32>(bitcast<u32>(a)^b);}
fn scaled_by(a:f32,b:f32,c:u32)->f32{return bF(a*b,c);}
fn dZ(Y:f32,Z:f32,c:u32)->bE{let e=bF(Y+Z,c);if!compensated{return bE(e,0.0);}let a=bF(e-Y,c);let b=bF(e-a,c);return bE(e,(Y-b)+(Z-a));}
fn add(g:bE,a:f32,c:u32)->bE{let b=dZ(g.A,a,c);return bE(b.A,g.B+b.B);}
fn bP(Y:bE,Z:bE,c:u32)->bE{let b=dZ(Y.A,Z.A,c);return bE(b.A,b.B+(Y.B+Z.B));}
struct aW{sum:bE,D:u32}
const eA:u32=1u;
const eB:u32=2u;
const eC:u32=4u;
fn aZ(g:u32,a:u32)->u32{if cZ(g){return eC;}return select(eA,eB,((g^a)&bK)!=0u);}
fn dY(g:u32,z:ptr<function,aW>){if!aX(g){(*z).D|=aZ(g,0u);}}
fn bJ(g:u32,t:ptr<function,i32>,z:ptr<function,aW>){if aX(g){*t=max(*t,aY(g));}dY(g,z);}
fn eD(g:bE,a:f32,c:u32)->f32{let Ea=bF((g.A+g.B)/a,c);let b=bitcast<f32>(bitcast<u32>(Ea)&0xfffff000u);let e=bF(Ea-b,c);let f=bF(bF(g.A-b*a,c)-e*a,c);return Ea+(f+g.B)/a;}
fn bB(z:aW,a:f32,S:i32,c:u32)->u32{switch z.D{case 0u:{return aS(eD(z.sum,a,c),S);}case eA:{return cC;}case eB:{return cC|bK;}default:{return bD;}}}
`;

const sums = `struct aR{A:vec4f,B:vec4f,C:vec4f}
fn eE(t:vec4f,c:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(c));}
fn bC(z:aR,a:vec4f,c:u32)->aR{let b=max(z.C,abs(a));let e=eE(z.A+a,c);if!compensated{return aR(e,z.B,b);}let f=eE(e-z.A,c);let g=eE(e-f,c);return aR(e,z.B+((z.A-g)+(a-f)),b);}
`;

const triangle = `fn bO(D:u32,Oa:u32)->vec2u{var e=0u;var m=D;while m>=Oa-e{m-=Oa-e;e++;}return vec2u(e,e+m);}
`;

const words = `const bK:u32=0x80000000u;
fn flipped(g:u32)->u32{return g^bK;}
`;

export type ShaderName =
  | 'add_lattice_noise'
  | 'add_simulated_noise'
  | 'combine'
  | 'deviation'
  | 'nearest_mean'
  | 'nearest_mean_search'
  | 'pair_sums'
  | 'pairs'
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
fn aF(a:vec4u,b:vec4u)->u32{let c=a.x&b.y;let e=aB[b.x+c];let f=a.yzw<e.xyz;let g=a.yzw==e.xyz;let i=f.z|(g.z&(f.y|(g.y&f.x)));return select(e.w,c-b.z,i);}
@compute@workgroup_size(WG_SIZE)fn add_lattice_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aG(a,b,c);if 4u*e>=p.e{return;}let f=p.f+e;var g=x[starts[0]/4u+e];for(var i=0u;i<p.c;i++){let j=aC[aE+i];let m=aC[3]+vec4u(f,0u,0u,i);let n=aH(aI(aC[0],aC[1],aC[2],m));g+=j.w*vec4u(aF(n.a,j),aF(n.b,j),aF(n.i,j),aF(n.d,j));}aD[e]=g;}
`,
  add_simulated_noise: `${columns}${chacha20}struct aA{j:u32,e:u32,m:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aJ:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const aK=vec4u(0x3f3504f3u);
fn aL(a:vec4u)->vec4f{let b=bitcast<vec4u>(vec4f((a>>vec4u(8u))+1u))-aK;let c=bitcast<vec4f>((b&vec4u(0x7fffffu))+aK);let e=(c-1.0)/(c+1.0);let f=e*e;let g=e*(2.0+f*(2.0/3.0+f*(2.0/5.0+f*(2.0/7.0+f*(2.0/9.0)))));return(24.0-vec4f(b>>vec4u(23u)))*0.69314718-g;}
fn aM(a:vec4u)->vec4f{let b=abs(vec4f(a>>vec4u(8u))*0x1p-22-2.0)-1.0;let f=b*b;let c= -4.6817541e-3+f*(1.6044118e-4-f*3.5988432e-6);return b*(1.5707964+f*(-0.6459641+f*(0.079692626+f*c)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aG(a,b,c);if 4u*e>=p.e{return;}let f=vec4u(p.f+e,0u,0u,0u);let n=aH(aI(aJ[0],aJ[1],aJ[2],aJ[3]+f));let g=aL(vec4u(n.a.x,n.b.x,n.i.x,n.d.x));let i=vec4u(n.a.y,n.b.y,n.i.y,n.d.y);var aF=sqrt(2.0*g)*aM(i);if p.j==1u{aF=select(g,-g,i>=vec4u(0x80000000u));}aD[e]=x[starts[0]/4u+e]+bitcast<f32>(p.m)*aF;}
`,
  combine: `${bits}${sum}${sums}${columns}struct aA{n:u32,e:u32,o:u32,q:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aN:array<vec4u>;
@group(0)@binding(3)var<storage,read>aO:array<vec2u>;
@group(0)@binding(4)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(5)var<uniform>p:aA;
override OUTPUTS:u32=1;
const aP:u32=0x6f800000u;
struct aQ{t:u32,col:u32}
fn write(a:aR,b:vec4u,c:vec2u,e:aQ,f:u32)->u32{let g=e.t+f;if g>=p.q{return 0u;}let i=bitcast<i32>(c.x);let j=a.A+a.B;aD[(g*p.o+e.col)/4u]=vec4u(aS(j.x,i),aS(j.y,i),aS(j.z,i),aS(j.w,i));let m=(a.C>=vec4f(bitcast<f32>(c.y)))&(b<vec4u(aP));let n= !(m|(b==vec4u()));return dot(vec4u(n),vec4u(1u,2u,4u,8u))<<(4u*f);}
fn aT(a:u32,b:u32)->u32{let c=starts[a]+b;return x[c/4u][c%4u];}
fn aU(g:u32,b:u32)->u32{let a=g*p.n;var c=aV;var e=aW();for(var f=0u;f<p.n;f++){let i=aO[a+f];if i.x==0u{continue;}let j=aT(f,b);if aX(j){c=max(c,aY(j)+bitcast<i32>(i.y));}else{e.D|=aZ(j,i.x);}}for(var f=0u;f<p.n&&e.D==0u;f++){let i=aO[a+f];if i.x==0u{continue;}let m=bA(aT(f,b),bitcast<i32>(i.y)-c);e.sum=add(e.sum,bitcast<f32>(i.x)*m,p.zero);}return bB(e,1.0,c,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aQ(a.z*OUTPUTS,4u*aG(a,b,c));if e.col>=p.e{return;}let f=a.z*(p.n+2u);var g=vec4u();var i=aR();var j=i;var m=i;var n=i;for(var o=0u;o<p.n;o++){let q=aN[f+2u+o];if all(q==vec4u()){continue;}let r=x[(starts[o]+e.col)/4u];g=max(g,r&vec4u(MAGNITUDE));let t=bitcast<vec4f>(r);let y=bitcast<vec4f>(q);i=bC(i,y.x*t,p.zero);if OUTPUTS>1u{j=bC(j,y.y*t,p.zero);}if OUTPUTS>2u{m=bC(m,y.z*t,p.zero);}if OUTPUTS>3u{n=bC(n,y.w*t,p.zero);}}let z=aN[f];let A=aN[f+1u];var B=write(i,g,vec2u(z.x,A.x),e,0u);if OUTPUTS>1u{B|=write(j,g,vec2u(z.y,A.y),e,1u);}if OUTPUTS>2u{B|=write(m,g,vec2u(z.z,A.z),e,2u);}if OUTPUTS>3u{B|=write(n,g,vec2u(z.w,A.w),e,3u);}for(;B>0u;B&=B-1u){let C=firstTrailingBit(B);let D=e.t+C/4u;let E=e.col+C%4u;if E>=p.e{continue;}aD[(D*p.o+E)/4u][E%4u]=aU(D,E);}}
`,
  deviation: `${bits}${sum}${columns}struct aA{n:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aG(a,b,c);if E>=p.e{return;}var e=aV;for(var o=0u;o<p.n;o++){let j=x[starts[o]+E];if!aX(j){aD[E]=bD;return;}e=max(e,aY(j));}var g=bE();for(var o=0u;o<p.n;o++){g=add(g,bA(x[starts[o]+E],-e),p.zero);}let f=bF((g.A+g.B)/f32(p.n),p.zero);var i=bE();var m=bE();for(var o=0u;o<p.n;o++){let n=bF(bA(x[starts[o]+E],-e)-f,p.zero);i=add(i,n*n,p.zero);m=add(m,n,p.zero);}let q=m.A+m.B;let r=max(0.0,i.A+i.B-q*q/f32(p.n));aD[E]=aS(sqrt(r/f32(p.n-1u)),e);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bG:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aG(a,b,local);if col>=p.e{return;}let center=bG[col];#slot sort
if tame{var far=bH;var left=p.E;var largest=0u;var bits=0u;var total=aW();#slot tame
aD[col]=select(bB(total,f32(p.E),top,p.zero),bits,p.E==1u);return;}#slot list
for(var o=0u;o<p.n;o++){away[o]=bI(words[o],center);}var far=bH;for(var o=0u;o+p.E<=p.n;o++){far=min(far,max(away[o],away[o+p.E-1u]));}var left=p.E;for(var o=0u;o<p.n;o++){left-=u32(away[o]<far);}var c=0u;for(var o=0u;o<p.n;o++){if away[o]>far||(away[o]==far&&left==0u){continue;}left-=u32(away[o]==far);words[c]=words[o];c++;}if p.E==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aV;var total=aW();for(var o=0u;o<p.E;o++){bJ(words[o],&top,&total);}for(var o=0u;o<p.E&&total.D==0u;o++){total.sum=add(total.sum,bA(words[o],-top),p.zero);}aD[col]=bB(total,f32(p.E),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bG:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aG(a,b,c);if E>=p.e{return;}let e=bG[E];var f=is_tame(e);for(var o=0u;o<p.n&&f;o++){f=is_tame(x[starts[o]+E]);}var g=0u;for(var C=bK;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.n;o++){i+=u32(bL(x[starts[o]+E],e,f)<(g|C));}if i<p.E{g|=C;}}var j=0u;for(var o=0u;o<p.n;o++){j+=u32(bL(x[starts[o]+E],e,f)<g);}let m=p.E-j-1u;var n=0u;for(var C=bK;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let r=bL(q,e,f)==g;i+=u32(r&&key_of(q)<(n|C));}if i<=m{n|=C;}}if p.E==1u{aD[E]=word_of(n);return;}var t=aV;var y=0u;var z=aW();for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let A=bL(q,e,f);let B=key_of(q);if A>g||(A==g&&B>n){continue;}y+=u32(A==g&&B<n);bJ(q,&t,&z);}if z.D==0u{for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let A=bL(q,e,f);if A<g||(A==g&&key_of(q)<n){z.sum=add(z.sum,bA(q,-t),p.zero);}}let D=f32(p.E-j-y);z.sum=add(z.sum,D*bA(word_of(n),-t),p.zero);}aD[E]=bB(z,f32(p.E),t,p.zero);}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{F:u32,G:u32,H:u32,I:u32,J:u32,K:u32,L:u32,M:u32,N:u32,O:u32,zero:u32}
@group(0)@binding(0)var<storage,read>bM:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bN:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let b=a.y*WG_SIZE+c;let e=a.x;let f=bO(p.H+e,p.I);let g=f.x==f.y;let i=select(p.K,p.J,g);let j=select(p.M,p.L,g);if b>=16u*i{return;}let m=a.z*p.O;let n=min(p.N,m+p.O);var o=bE();var q=bE();for(var r=m;r<n;r++){let t=(r*p.F+e)*bN+(b/i)*256u+b%i;for(var y=0u;y<j;y++){let z=bM[t+y*i];o=bP(o,bE(z.x,z.y),p.zero);q=bP(q,bE(z.z,z.w),p.zero);}}aD[(a.z*p.F+e)*p.G+b]=vec4f(o.A,o.B,q.A,q.B);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bQ:i32=100000;
const WG_SIZE:u32=256;
const bR:u32=8;
const RUNS:u32=4;
struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bS:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>bT:array<vec4f,1024>;
const bU:u32=512;
struct bV{A:vec4f,B:vec4f}
fn bW(i:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(i+vec4i(127),vec4i()))<<vec4u(23u));}
fn bX(a:i32,b:vec4i)->vec4f{return bW(vec4i(a)-max(vec4i(a),b));}
fn bY(m:u32,a:u32)->vec4i{let c=vec4u(m)+min(vec4u(a)+vec4u(0u,1u,2u,3u),vec4u(p.n-1u));return vec4i(bS[c.x],bS[c.y],bS[c.z],bS[c.w]);}
fn bZ(t:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(p.zero));}
fn cA(a:vec4f,b:vec4f)->bV{let c=bZ(a+b);if!compensated{return bV(c,vec4f());}return bV(c,b-bZ(c-a));}
fn cB(r:vec4u,y:f32,a:f32)->vec4f{let b=r&vec4u(cC);let c=select(r,vec4u(),b==vec4u(cC));let e=vec4f(c&vec4u(0x007fffffu))*a;let f=bitcast<vec4f>(bitcast<vec4u>(e)|(c&vec4u(bK)));return select(bitcast<vec4f>(c)*y,f,b==vec4u());}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=p.H+a.x;let f=bO(e,p.I);let g=f.x;let i=f.y;let j=g==i;let m=p.I*(p.I+1u)/2u;let r=p.V+a.y;let n=r/p.O;let o=n*p.P+(r%p.O)*p.Q;let q=min(p.e,min((n+1u)*p.P,o+p.Q));let t=n*(p.n+m);let y=bS[t+p.n+e];if general!=(y==bQ){return;}let z=select(p.M,p.L,j);let A=select(p.U,p.T,j);let B=select(p.S*p.S,p.S*(p.S+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.S,D%p.S);if j{E=bO(D,p.S);}let F=E.x;let G=E.y;let H=select(bU,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.S;let L=4u*(J/p.S);let M=select(g,i,I)*p.R+4u*K;let N=select(0u,bU,I)+L*p.S+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.n);let Q=min(O,vec4u(p.n-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);var S=vec4i(-y);if general{S= -bY(t,M);}let T=bW(S);let U=bW(S-vec4i(149));var V=mat4x4f();var W=mat4x4f();if general{let X=bY(t,g*p.R+4u*F);let Y=bY(t,i*p.R+4u*G);V=mat4x4f(bX(X.x,Y),bX(X.y,Y),bX(X.z,Y),bX(X.w,Y));W=transpose(mat4x4f(bX(Y.x,X),bX(Y.y,X),bX(Y.z,X),bX(Y.w,X)));}var Z=mat4x4f();var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=0u;for(var Ea=o;Ea<q;Ea+=A){let Fa=Ea+L;if L<A{var Ga=mat4x4f();if Fa<q{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ia=x[Ha.x];let Ja=x[Ha.y];let Ka=x[Ha.z];let La=x[Ha.w];let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(q);Ga[0]=cB(select(vec4u(),Ia,Ma&vec4<bool>(P.x)),T.x,U.x);Ga[1]=cB(select(vec4u(),Ja,Ma&vec4<bool>(P.y)),T.y,U.y);Ga[2]=cB(select(vec4u(),Ka,Ma&vec4<bool>(P.z)),T.z,U.z);Ga[3]=cB(select(vec4u(),La,Ma&vec4<bool>(P.w)),T.w,U.w);}let Na=transpose(Ga);bT[N]=Na[0];bT[N+p.S]=Na[1];bT[N+2u*p.S]=Na[2];bT[N+3u*p.S]=Na[3];}workgroupBarrier();let Oa=min(A,q-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bR*z){var Qa=mat4x4f();var Ra=mat4x4f();var Sa=Pa*p.S;for(var Ta=0u;Ta<bR;Ta++){let X=bT[Sa+F];let Y=bT[H+Sa+G];Sa+=z*p.S;Qa[0]=fma(vec4f(X.x),Y,Qa[0]);Qa[1]=fma(vec4f(X.y),Y,Qa[1]);Qa[2]=fma(vec4f(X.z),Y,Qa[2]);Qa[3]=fma(vec4f(X.w),Y,Qa[3]);var Ua=X.x-Y;var Va=X.y-Y;var Wa=X.z-Y;var Xa=X.w-Y;if general{Ua=X.x*V[0]-Y*W[0];Va=X.y*V[1]-Y*W[1];Wa=X.z*V[2]-Y*W[2];Xa=X.w*V[3]-Y*W[3];}Ra[0]=fma(Ua,Ua,Ra[0]);Ra[1]=fma(Va,Va,Ra[1]);Ra[2]=fma(Wa,Wa,Ra[2]);Ra[3]=fma(Xa,Xa,Ra[3]);}Aa+=Qa;Ca+=Ra;Da++;if Da%RUNS==0u{cD(&Z,&Aa);cD(&Ba,&Ca);}}}workgroupBarrier();}if C>=z{return;}cD(&Z,&Aa);cD(&Ba,&Ca);let Ya=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Ya,Z[0],Aa[0],Ba[0],Ca[0]);write(Ya+4u*WG_SIZE,Z[1],Aa[1],Ba[1],Ca[1]);write(Ya+8u*WG_SIZE,Z[2],Aa[2],Ba[2],Ca[2]);write(Ya+12u*WG_SIZE,Z[3],Aa[3],Ba[3],Ca[3]);}
fn write(Sa:u32,Z:vec4f,Aa:vec4f,Ba:vec4f,Ca:vec4f){let a=transpose(mat4x4f(Z,Aa,Ba,Ca));aD[Sa]=a[0];aD[Sa+WG_SIZE]=a[1];aD[Sa+2u*WG_SIZE]=a[2];aD[Sa+3u*WG_SIZE]=a[3];}
fn cD(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let X=cA((*a)[0],(*b)[0]);let Y=cA((*a)[1],(*b)[1]);let m=cA((*a)[2],(*b)[2]);let n=cA((*a)[3],(*b)[3]);*a=mat4x4f(X.A,Y.A,m.A,n.A);*b=mat4x4f(X.B,Y.B,m.B,n.B);}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aG(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_mean_search: `${bits}${sum}${columns}${ends}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cE(a:u32,Fa:u32)->u32{return key_of(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aG(a,b,c);if Fa>=p.e{return;}let e=cF(Fa);aD[Fa]=cG(Fa,e.B,e.A,p.begin,p.end);}
`,
  rank_mean_split: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
override RUNS:u32=2;
const DROPPED:u32=0xffffffffu;
override WORDS:u32=4096;
var<workgroup>sh_keys:array<u32,WORDS>;
struct cH{run:i32,W:u32,X:u32}
struct cI{at:u32,Y:bool,Z:u32,Aa:bool}
fn facing(E:cH,g:i32)->cI{let a=i32(RUNS/2u);let b=g-E.run;let c=b<0||b>=a;let Sa=(E.W+u32(clamp(b,0,a-1)))*WG_SIZE+E.X;let e=select(0u,DROPPED,b>=a);return cI(Sa,c,e,!c&&E.W>0u);}
fn met(a:cI,b:u32)->u32{return select(b,a.Z,a.Y);}
fn is_lower(B:u32,a:cI,b:u32)->bool{let met=met(a,b);return B<met||(B==met&&a.Aa);}
fn kept_value(B:u32,a:f32)->f32{return select(value_of(B,a),0.0,B==DROPPED);}
fn key_at(a:u32,Fa:u32)->u32{if a>=p.n{return DROPPED;}return min(key_of(x[starts[a]+Fa]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32){let e=aG(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var g=1u;g<RUNS/2u;g*=2u){{let f=run^(2u*g-1u);let partner=f*WG_SIZE+c.x;let lower=run<f;#slot end_to_end
}for(var i=g/2u;i>0u;i/=2u){let f=run^i;let partner=f*WG_SIZE+c.x;let lower=run<f;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cH(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var f=c.x;f<WG_SIZE*RUNS;f+=WG_SIZE){least=min(least,sh_keys[f]);above=max(above,sh_keys[WG_SIZE*RUNS+f]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.A);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.B);workgroupBarrier();if run>0u||e>=p.e{return;}for(var f=c.x+WG_SIZE;f<WG_SIZE*RUNS;f+=WG_SIZE){let m=bitcast<f32>(sh_keys[f]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+f]);kept.sum=bP(kept.sum,bE(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,Ba:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_stream(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aG(a,b,local);if col>=p.e{return;}var kept=nothing_kept();var row=p.begin+p.n-p.end;#slot fill
for(;row+p.Ba<=p.n;row+=p.Ba){#slot step
}for(;row<p.n;row++){#slot insert
}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_sum: `${columns}${words}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aG(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_sum_search: `${columns}${ends}${words}struct aA{n:u32,e:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cE(a:u32,Fa:u32)->u32{return flipped(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aG(a,b,c);if Fa>=p.e{return;}let e=cF(Fa);var g=0u;var f=0u;var i=0u;for(var o=0u;o<p.n;o++){let q=x[starts[o]+Fa];let B=flipped(q);g+=select(0u,q,B>e.B&&B<e.A);f+=u32(B>e.B);i+=u32(B<e.A);}let j=p.n-p.begin-f;let m=p.end-i;let n=j*flipped(e.B)+m*flipped(e.A);aD[Fa]=select(g+n,(p.end-p.begin)*flipped(e.B),e.B==e.A);}
`,
  screen: `${bits}${sum}struct aA{n:u32,e:u32,P:u32,Ca:u32,f:u32,zero:u32}
struct cJ{Da:u32,Ea:i32,A:f32,B:f32,Fa:vec2u}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cJ>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cK:u32=4;
const cL:i32=30;
const cM:i32=126;
const cN:u32=32u<<23u;
struct cO{Da:u32,largest:u32,Ga:u32,Ha:i32,sum:bE,Fa:vec2u}
var<workgroup>cP:array<vec4u,WG_SIZE>;
var<workgroup>cQ:array<vec2u,WG_SIZE>;
fn cR(Ga:vec4u)->vec4u{var a=Ga;a=(a^(a>>vec4u(16u)))*0x85ebca6bu;a=(a^(a>>vec4u(13u)))*0xc2b2ae35u;return a^(a>>vec4u(16u));}
fn cS(Ga:vec4u)->u32{return(Ga.x+Ga.y)+(Ga.z+Ga.w);}
fn cT(t:i32)->i32{return min(cL-t,cM);}
fn cU(a:cO,Ga:vec4u,b:vec4u,c:vec4u)->cO{var e=a;let f=Ga^(Ga>>vec4u(15u));e.Fa+=vec2u(cS(f*b),cS(f*c));let g=Ga&vec4u(MAGNITUDE);let i=g<vec4u(cC);e.Da+=cS(select(vec4u(1u),vec4u(),i));let kept=select(vec4u(),g,i);let j=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,j);if j>=e.Ga{let S=cT(aY(j));let T=power(2*(S-e.Ha));e.sum=bE(e.sum.A*T,e.sum.B*T);e.Ha=S;e.Ga=((j>>23u)+1u)<<23u;}let m=kept<vec4u(0x00800000u);let n=vec4f(kept)*power(e.Ha-149);let t=select(bitcast<vec4f>(kept)*power(e.Ha),n,m);let o=t*t;e.sum=add(e.sum,(o.x+o.y)+(o.z+o.w),p.zero);return e;}
fn cV(R:u32,Fa:u32,q:u32)->vec4u{let Ga=x[(R+Fa)/4u];if Fa+4u<=q{return Ga;}return select(vec4u(),Ga,vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(q));}
fn cW(X:cJ,Y:cJ)->cJ{let t=max(X.Ea,Y.Ea);let V=power(2*(cT(t)-cT(X.Ea)));let W=power(2*(cT(t)-cT(Y.Ea)));let g=bP(bE(X.A*V,X.B*V),bE(Y.A*W,Y.B*W),p.zero);return cJ(X.Da+Y.Da,t,g.A,g.B,X.Fa+Y.Fa);}
fn cX(c:u32,a:cJ){cP[c]=vec4u(a.Da,bitcast<u32>(a.Ea),bitcast<u32>(a.A),bitcast<u32>(a.B));cQ[c]=a.Fa;}
fn kept(c:u32)->cJ{let z=cP[c];return cJ(z.x,bitcast<i32>(z.y),bitcast<f32>(z.z),bitcast<f32>(z.w),cQ[c]);}
fn cY(e:cO,a:u32,n:u32,c:u32){var b=cJ(e.Da,aY(e.largest),e.sum.A,e.sum.B,e.Fa);workgroupBarrier();cX(c,b);for(var j=WG_SIZE/2u;j>0u;j/=2u){workgroupBarrier();if c<j{b=cW(b,kept(c+j));cX(c,b);}}if c==0u{aD[n*p.n+a]=b;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=p.f+a.y;let o=n*p.P;let q=min(p.e,o+p.P);let b=a.x*cK;let e=p.n-1u;let f=starts[b];let g=starts[min(b+1u,e)];let i=starts[min(b+2u,e)];let j=starts[min(b+3u,e)];let m=cO(0u,0u,cN,cM,bE(),vec2u());var X=m;var Y=m;var r=m;var t=m;for(var Fa=o+4u*c;Fa<q;Fa+=4u*WG_SIZE){var Ia=cV(f,Fa,q);var Ja=cV(g,Fa,q);var Ka=cV(i,Fa,q);var La=cV(j,Fa,q);let E=vec4u(p.Ca+Fa)+vec4u(0u,1u,2u,3u);let y=cR(E*0x9e3779b1u)|vec4u(1u);let z=cR(E*0x85ebca77u)|vec4u(1u);for(var Ta=0u;Ta<cK;Ta++){let A=cU(X,Ia,y,z);X=Y;Y=r;r=t;t=A;Ia=Ja;Ja=Ka;Ka=La;}}for(var Ta=0u;Ta<min(cK,p.n-b);Ta++){cY(X,b+Ta,n,c);X=Y;Y=r;r=t;}}
`,
  self_test: `${bits}${sum}struct aA{E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var o=0u;o<p.E;o++){let q=x[o];let Sa=8u*o;aD[Sa]=u32(aX(q))|(u32(cZ(q))<<1u);aD[Sa+1u]=key_of(q);aD[Sa+2u]=word_of(key_of(q));if aX(q){aD[Sa+3u]=bitcast<u32>(aY(q));let a=bA(q,-aY(q));aD[Sa+4u]=bitcast<u32>(a);aD[Sa+5u]=aS(a,aY(q));let g=add(add(bE(33554432.0,0.0),a,p.zero),-33554432.0,p.zero);aD[Sa+6u]=bitcast<u32>(g.A+g.B);}}}
`,
  sign_sum: `${bits}${columns}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=4u*aG(a,b,c);if Fa>=p.e{return;}var g=vec4i();for(var o=0u;o<p.n;o++){let Ga=x[(starts[o]+Fa)/4u];let e=Ga&vec4u(MAGNITUDE);let f=(bitcast<vec4i>(Ga)>>vec4u(31u))|vec4i(1);let i=(e>vec4u())&(e<=vec4u(cC));g+=select(vec4i(),f,i);}aD[Fa/4u]=bitcast<vec4u>(vec4f(g));}
`,
  squared_distances: `${triangle}struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const bR:u32=8;
const RUNS:u32=3;
const dA:u32=0x01ffffffu;
const dB:u32=1u;
const dC:u32=2u;
var<workgroup>bT:array<vec4i,1024>;
const bU:u32=512;
struct dD{A:vec4u,Ia:vec4i,B:vec4u}
struct aR{B:vec4u,A:vec4u}
fn dE(a:dD,n:vec4i)->dD{let b=n>>vec4u(13u);let c=n&vec4i(0x1fff);return dD(a.A+vec4u(b*b),a.Ia+b*c,a.B+vec4u(c*c));}
fn dF(z:aR,n:vec4u,m:vec4u)->aR{let c=z.B+n;return aR(c,z.A+m+vec4u(c<n));}
fn dG(z:aR,a:dD)->aR{let m=dF(z,a.A<<vec4u(26u),a.A>>vec4u(6u));let b=bitcast<vec4u>(a.Ia<<vec4u(14u));let c=dF(m,b,bitcast<vec4u>(a.Ia>>vec4u(18u)));return dF(c,a.B,vec4u());}
fn dH(Ga:vec4u)->vec4<bool>{return Ga+vec4u(dA)>vec4u(2u*dA);}
fn dI(Sa:u32,n:u32,m:u32){let c=atomicAdd(&aD[Sa],n)+n;let a=m+u32(c<n);if atomicAdd(&aD[Sa+1u],a)+a<a{atomicOr(&aD[Sa+2u],dB);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let f=bO(p.H+a.x,p.I);let g=f.x;let i=f.y;let j=g==i;let r=p.V+a.y;let n=r/p.O;let o=n*p.P+(r%p.O)*p.Q;let q=min(p.e,min((n+1u)*p.P,o+p.Q));let z=select(p.M,p.L,j);let A=select(p.U,p.T,j);let B=select(p.S*p.S,p.S*(p.S+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.S,D%p.S);if j{E=bO(D,p.S);}let F=E.x;let G=E.y;let H=select(bU,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.S;let L=4u*(J/p.S);let M=select(g,i,I)*p.R+4u*K;let N=select(0u,bU,I)+L*p.S+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.n);let Q=min(O,vec4u(p.n-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);let m=dD();var e=m;var t=m;var y=m;var S=m;var T=aR();var U=T;var V=T;var W=T;var Da=0u;var X=vec4<bool>();for(var Ea=o;Ea<q;Ea+=A){let Fa=Ea+L;if L<A{var Y=vec4u();var Z=vec4u();var Aa=vec4u();var Ba=vec4u();if Fa<q{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(q);Y=select(vec4u(),x[Ha.x],Ma&vec4<bool>(P.x));Z=select(vec4u(),x[Ha.y],Ma&vec4<bool>(P.y));Aa=select(vec4u(),x[Ha.z],Ma&vec4<bool>(P.z));Ba=select(vec4u(),x[Ha.w],Ma&vec4<bool>(P.w));}let Na=array(vec4u(Y.x,Z.x,Aa.x,Ba.x),vec4u(Y.y,Z.y,Aa.y,Ba.y),vec4u(Y.z,Z.z,Aa.z,Ba.z),vec4u(Y.w,Z.w,Aa.w,Ba.w));X|=dH(Na[0])|dH(Na[1]);X|=dH(Na[2])|dH(Na[3]);bT[N]=bitcast<vec4i>(Na[0]);bT[N+p.S]=bitcast<vec4i>(Na[1]);bT[N+2u*p.S]=bitcast<vec4i>(Na[2]);bT[N+3u*p.S]=bitcast<vec4i>(Na[3]);}workgroupBarrier();let Oa=min(A,q-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bR*z){var Sa=Pa*p.S;for(var Ta=0u;Ta<bR;Ta++){let Y=bT[Sa+F];let Z=bT[H+Sa+G];Sa+=z*p.S;e=dE(e,vec4i(Y.x)-Z);t=dE(t,vec4i(Y.y)-Z);y=dE(y,vec4i(Y.z)-Z);S=dE(S,vec4i(Y.w)-Z);}Da++;if Da==RUNS{T=dG(T,e);U=dG(U,t);V=dG(V,y);W=dG(W,S);e=m;t=m;y=m;S=m;Da=0u;}}}workgroupBarrier();}let Ca=3u*p.R*p.R*((n-p.V/p.O)*b.x+a.x);for(var Ta=0u;Ta<4u;Ta++){if X[Ta]{dJ(Ca,4u*K+Ta,vec2<bool>(!I,I||j));}}if C>=z{return;}let Ga=cH(g*p.R,i*p.R,4u*F,4u*G,Ca);dK(Ga,0u,dG(T,e));dK(Ga,1u,dG(U,t));dK(Ga,2u,dG(V,y));dK(Ga,3u,dG(W,S));}
fn dJ(Ca:u32,b:u32,a:vec2<bool>){for(var f=0u;f<p.R;f++){if a.x{atomicOr(&aD[Ca+3u*(b*p.R+f)+2u],dC);}if a.y{atomicOr(&aD[Ca+3u*(f*p.R+b)+2u],dC);}}}
struct cH{Ja:u32,Ka:u32,a:u32,b:u32,La:u32}
fn dK(E:cH,Ta:u32,z:aR){dL(E,vec2u(Ta,0u),vec2u(z.B.x,z.A.x));dL(E,vec2u(Ta,1u),vec2u(z.B.y,z.A.y));dL(E,vec2u(Ta,2u),vec2u(z.B.z,z.A.z));dL(E,vec2u(Ta,3u),vec2u(z.B.w,z.A.w));}
fn dL(E:cH,a:vec2u,g:vec2u){let Y=E.a+a.x;let Z=E.b+a.y;if E.Ka+Z>=p.n||E.Ja+Y>=E.Ka+Z{return;}dI(E.La+3u*(Y*p.R+Z),g.x,g.y);}
`,
  sum_rows: `${columns}struct aA{n:u32,e:u32,o:u32,S:u32,Ma:u32,Na:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aG(a,b,c);if 4u*Ha>=p.e{return;}var z=vec4u();if p.Na==1u{for(var e=0u;e<p.n;e++){z+=x[starts[e]/4u+Ha];}}let Ea=a.z*p.Ma;for(var Ta=Ea;Ta<min(p.S,Ea+p.Ma);Ta++){var g=z*aC[4u*Ta];var Sa=aC[4u*Ta+1u];let f=aC[4u*Ta+2u];let q=aC[4u*Ta+3u];for(;Sa<f;Sa++){g+=x[starts[aC[Sa]]/4u+Ha];}for(;Sa<q;Sa++){g-=x[starts[aC[Sa]]/4u+Ha];}aD[Ta*(p.o/4u)+Ha]=g;}}
`,
  widen: `struct aA{begin:u32,Oa:u32,Pa:u32}
@group(0)@binding(0)var<storage,read>dM:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(j:u32)->u32{let f=(j&0x8000u)<<16u;let m=j&0x7fffu;if m>=0x7c00u{return f|0x7f800000u|(m<<13u);}if m>=0x0400u{return f|((m<<13u)+(112u<<23u));}if m==0u{return f;}let Ea=firstLeadingBit(m);return f|((Ea+103u)<<23u)|((m<<(23u-Ea))&0x007fffffu);}
fn dN(q:u32)->vec2u{if p.Pa==1u{return vec2u(q<<16u,q&0xffff0000u);}return vec2u(widened(q&0xffffu),widened(q>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=(a.y*b.x+a.x)*WG_SIZE+c;if Ha>=p.Oa{return;}let Ga=dM[Ha];aD[p.begin+Ha]=vec4u(dN(Ga.x),dN(Ga.y));}
`,
};
