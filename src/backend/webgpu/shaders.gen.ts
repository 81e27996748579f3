/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { bits, chacha20, columns, distance, ends, kept, sum, sums, triangle, words } from './shared-shaders.gen.ts';

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
fn aF(a:vec4u,b:vec4u)->u32{let c=a.x&b.y;let aG=aB[b.x+c];let e=a.yzw<aG.xyz;let f=a.yzw==aG.xyz;let g=e.z|(f.z&(e.y|(f.y&e.x)));return select(aG.w,c-b.z,g);}
@compute@workgroup_size(WG_SIZE)fn add_lattice_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let f=p.f+e;var g=x[starts[0]/4u+e];for(var i=0u;i<p.c;i++){let j=aC[aE+i];let m=aC[3]+vec4u(f,0u,0u,i);let n=aI(aJ(aC[0],aC[1],aC[2],m));g+=j.w*vec4u(aF(n.a,j),aF(n.b,j),aF(n.i,j),aF(n.d,j));}aD[e]=g;}
`,
  add_simulated_noise: `${columns}${chacha20}struct aA{j:u32,e:u32,m:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aK:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const aL=vec4u(0x3f3504f3u);
fn aM(a:vec4u)->vec4f{let b=bitcast<vec4u>(vec4f((a>>vec4u(8u))+1u))-aL;let c=bitcast<vec4f>((b&vec4u(0x7fffffu))+aL);let e=(c-1.0)/(c+1.0);let f=e*e;let g=e*(2.0+f*(2.0/3.0+f*(2.0/5.0+f*(2.0/7.0+f*(2.0/9.0)))));return(24.0-vec4f(b>>vec4u(23u)))*0.69314718-g;}
fn aN(a:vec4u)->vec4f{let b=abs(vec4f(a>>vec4u(8u))*0x1p-22-2.0)-1.0;let f=b*b;let c= -4.6817541e-3+f*(1.6044118e-4-f*3.5988432e-6);return b*(1.5707964+f*(-0.6459641+f*(0.079692626+f*c)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aH(a,b,c);if 4u*e>=p.e{return;}let f=vec4u(p.f+e,0u,0u,0u);let n=aI(aJ(aK[0],aK[1],aK[2],aK[3]+f));let g=aM(vec4u(n.a.x,n.b.x,n.i.x,n.d.x));let i=vec4u(n.a.y,n.b.y,n.i.y,n.d.y);var aF=sqrt(2.0*g)*aN(i);if p.j==1u{aF=select(g,-g,i>=vec4u(0x80000000u));}aD[e]=x[starts[0]/4u+e]+bitcast<f32>(p.m)*aF;}
`,
  combine: `${bits}${sum}${sums}${columns}struct aA{n:u32,e:u32,o:u32,q:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aO:array<vec4u>;
@group(0)@binding(3)var<storage,read>aP:array<vec2u>;
@group(0)@binding(4)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(5)var<uniform>p:aA;
override OUTPUTS:u32=1;
const aQ:u32=0x6f800000u;
struct aR{t:u32,col:u32}
fn write(a:aS,b:vec4u,c:vec2u,e:aR,f:u32)->u32{let g=e.t+f;if g>=p.q{return 0u;}let i=bitcast<i32>(c.x);let j=a.A+a.B;aD[(g*p.o+e.col)/4u]=vec4u(aT(j.x,i),aT(j.y,i),aT(j.z,i),aT(j.w,i));let m=(a.C>=vec4f(bitcast<f32>(c.y)))&(b<vec4u(aQ));let n= !(m|(b==vec4u()));return dot(vec4u(n),vec4u(1u,2u,4u,8u))<<(4u*f);}
fn aU(a:u32,b:u32)->u32{let c=starts[a]+b;return x[c/4u][c%4u];}
fn aV(g:u32,b:u32)->u32{let a=g*p.n;var c=aW;var e=aX();for(var f=0u;f<p.n;f++){let i=aP[a+f];if i.x==0u{continue;}let j=aU(f,b);if aY(j){c=max(c,aZ(j)+bitcast<i32>(i.y));}else{e.D|=bA(j,i.x);}}for(var f=0u;f<p.n&&e.D==0u;f++){let i=aP[a+f];if i.x==0u{continue;}let m=bB(aU(f,b),bitcast<i32>(i.y)-c);e.sum=add(e.sum,bitcast<f32>(i.x)*m,p.zero);}return bC(e,1.0,c,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aR(a.z*OUTPUTS,4u*aH(a,b,c));if e.col>=p.e{return;}let f=a.z*(p.n+2u);var g=vec4u();var i=aS();var j=i;var m=i;var n=i;for(var o=0u;o<p.n;o++){let q=aO[f+2u+o];if all(q==vec4u()){continue;}let r=x[(starts[o]+e.col)/4u];g=max(g,r&vec4u(MAGNITUDE));let t=bitcast<vec4f>(r);let y=bitcast<vec4f>(q);i=bD(i,y.x*t,p.zero);if OUTPUTS>1u{j=bD(j,y.y*t,p.zero);}if OUTPUTS>2u{m=bD(m,y.z*t,p.zero);}if OUTPUTS>3u{n=bD(n,y.w*t,p.zero);}}let z=aO[f];let A=aO[f+1u];var B=write(i,g,vec2u(z.x,A.x),e,0u);if OUTPUTS>1u{B|=write(j,g,vec2u(z.y,A.y),e,1u);}if OUTPUTS>2u{B|=write(m,g,vec2u(z.z,A.z),e,2u);}if OUTPUTS>3u{B|=write(n,g,vec2u(z.w,A.w),e,3u);}for(;B>0u;B&=B-1u){let C=firstTrailingBit(B);let D=e.t+C/4u;let E=e.col+C%4u;if E>=p.e{continue;}aD[(D*p.o+E)/4u][E%4u]=aV(D,E);}}
`,
  deviation: `${bits}${sum}${columns}struct aA{n:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}var e=aW;for(var o=0u;o<p.n;o++){let j=x[starts[o]+E];if!aY(j){aD[E]=bE;return;}e=max(e,aZ(j));}var g=bF();for(var o=0u;o<p.n;o++){g=add(g,bB(x[starts[o]+E],-e),p.zero);}let f=bG((g.A+g.B)/f32(p.n),p.zero);var i=bF();var m=bF();for(var o=0u;o<p.n;o++){let n=bG(bB(x[starts[o]+E],-e)-f,p.zero);i=add(i,n*n,p.zero);m=add(m,n,p.zero);}let q=m.A+m.B;let r=max(0.0,i.A+i.B-q*q/f32(p.n));aD[E]=aT(sqrt(r/f32(p.n-1u)),e);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bH:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}let center=bH[col];#slot sort
if tame{var far=bI;var left=p.E;var largest=0u;var bits=0u;var total=aX();#slot tame
aD[col]=select(bC(total,f32(p.E),top,p.zero),bits,p.E==1u);return;}#slot list
for(var o=0u;o<p.n;o++){away[o]=bJ(words[o],center);}var far=bI;for(var o=0u;o+p.E<=p.n;o++){far=min(far,max(away[o],away[o+p.E-1u]));}var left=p.E;for(var o=0u;o<p.n;o++){left-=u32(away[o]<far);}var c=0u;for(var o=0u;o<p.n;o++){if away[o]>far||(away[o]==far&&left==0u){continue;}left-=u32(away[o]==far);words[c]=words[o];c++;}if p.E==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aW;var total=aX();for(var o=0u;o<p.E;o++){bK(words[o],&top,&total);}for(var o=0u;o<p.E&&total.D==0u;o++){total.sum=add(total.sum,bB(words[o],-top),p.zero);}aD[col]=bC(total,f32(p.E),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bH:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}let e=bH[E];var f=is_tame(e);for(var o=0u;o<p.n&&f;o++){f=is_tame(x[starts[o]+E]);}var g=0u;for(var C=bL;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.n;o++){i+=u32(bM(x[starts[o]+E],e,f)<(g|C));}if i<p.E{g|=C;}}var j=0u;for(var o=0u;o<p.n;o++){j+=u32(bM(x[starts[o]+E],e,f)<g);}let m=p.E-j-1u;var n=0u;for(var C=bL;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let r=bM(q,e,f)==g;i+=u32(r&&key_of(q)<(n|C));}if i<=m{n|=C;}}if p.E==1u{aD[E]=word_of(n);return;}var t=aW;var y=0u;var z=aX();for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let A=bM(q,e,f);let B=key_of(q);if A>g||(A==g&&B>n){continue;}y+=u32(A==g&&B<n);bK(q,&t,&z);}if z.D==0u{for(var o=0u;o<p.n;o++){let q=x[starts[o]+E];let A=bM(q,e,f);if A<g||(A==g&&key_of(q)<n){z.sum=add(z.sum,bB(q,-t),p.zero);}}let D=f32(p.E-j-y);z.sum=add(z.sum,D*bB(word_of(n),-t),p.zero);}aD[E]=bC(z,f32(p.E),t,p.zero);}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{F:u32,G:u32,H:u32,I:u32,J:u32,K:u32,L:u32,M:u32,N:u32,O:u32,zero:u32}
@group(0)@binding(0)var<storage,read>bN:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bO:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let b=a.y*WG_SIZE+c;let e=a.x;let f=bP(p.H+e,p.I);let g=f.x==f.y;let i=select(p.K,p.J,g);let j=select(p.M,p.L,g);if b>=16u*i{return;}let m=a.z*p.O;let n=min(p.N,m+p.O);var bQ=bF();var o=bF();for(var q=m;q<n;q++){let r=(q*p.F+e)*bO+(b/i)*256u+b%i;for(var t=0u;t<j;t++){let y=bN[r+t*i];bQ=bR(bQ,bF(y.x,y.y),p.zero);o=bR(o,bF(y.z,y.w),p.zero);}}aD[(a.z*p.F+e)*p.G+b]=vec4f(bQ.A,bQ.B,o.A,o.B);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bS:i32=100000;
const WG_SIZE:u32=256;
const bT:u32=8;
const RUNS:u32=4;
struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bU:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>bV:array<vec4f,1024>;
const bW:u32=512;
struct bX{A:vec4f,B:vec4f}
fn bY(i:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(i+vec4i(127),vec4i()))<<vec4u(23u));}
fn bZ(a:i32,b:vec4i)->vec4f{return bY(vec4i(a)-max(vec4i(a),b));}
fn cA(m:u32,a:u32)->vec4i{let c=vec4u(m)+min(vec4u(a)+vec4u(0u,1u,2u,3u),vec4u(p.n-1u));return vec4i(bU[c.x],bU[c.y],bU[c.z],bU[c.w]);}
fn cB(t:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(p.zero));}
fn cC(a:vec4f,b:vec4f)->bX{let c=cB(a+b);if!compensated{return bX(c,vec4f());}return bX(c,b-cB(c-a));}
fn cD(r:vec4u,y:f32,a:f32)->vec4f{let b=r&vec4u(cE);let c=select(r,vec4u(),b==vec4u(cE));let e=vec4f(c&vec4u(0x007fffffu))*a;let f=bitcast<vec4f>(bitcast<vec4u>(e)|(c&vec4u(bL)));return select(bitcast<vec4f>(c)*y,f,b==vec4u());}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=p.H+a.x;let f=bP(e,p.I);let g=f.x;let i=f.y;let j=g==i;let m=p.I*(p.I+1u)/2u;let q=p.V+a.y;let n=q/p.O;let o=n*p.P+(q%p.O)*p.Q;let r=min(p.e,min((n+1u)*p.P,o+p.Q));let t=n*(p.n+m);let y=bU[t+p.n+e];if general!=(y==bS){return;}let z=select(p.M,p.L,j);let A=select(p.U,p.T,j);let B=select(p.S*p.S,p.S*(p.S+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.S,D%p.S);if j{E=bP(D,p.S);}let F=E.x;let G=E.y;let H=select(bW,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.S;let L=4u*(J/p.S);let M=select(g,i,I)*p.R+4u*K;let N=select(0u,bW,I)+L*p.S+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.n);let Q=min(O,vec4u(p.n-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);var S=vec4i(-y);if general{S= -cA(t,M);}let T=bY(S);let U=bY(S-vec4i(149));var V=mat4x4f();var W=mat4x4f();if general{let X=cA(t,g*p.R+4u*F);let Y=cA(t,i*p.R+4u*G);V=mat4x4f(bZ(X.x,Y),bZ(X.y,Y),bZ(X.z,Y),bZ(X.w,Y));W=transpose(mat4x4f(bZ(Y.x,X),bZ(Y.y,X),bZ(Y.z,X),bZ(Y.w,X)));}var Z=mat4x4f();var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=0u;for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Ga=mat4x4f();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ia=x[Ha.x];let Ja=x[Ha.y];let Ka=x[Ha.z];let La=x[Ha.w];let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Ga[0]=cD(select(vec4u(),Ia,Ma&vec4<bool>(P.x)),T.x,U.x);Ga[1]=cD(select(vec4u(),Ja,Ma&vec4<bool>(P.y)),T.y,U.y);Ga[2]=cD(select(vec4u(),Ka,Ma&vec4<bool>(P.z)),T.z,U.z);Ga[3]=cD(select(vec4u(),La,Ma&vec4<bool>(P.w)),T.w,U.w);}let Na=transpose(Ga);bV[N]=Na[0];bV[N+p.S]=Na[1];bV[N+2u*p.S]=Na[2];bV[N+3u*p.S]=Na[3];}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bT*z){var bQ=mat4x4f();var Qa=mat4x4f();var Ra=Pa*p.S;for(var Sa=0u;Sa<bT;Sa++){let X=bV[Ra+F];let Y=bV[H+Ra+G];Ra+=z*p.S;bQ[0]=fma(vec4f(X.x),Y,bQ[0]);bQ[1]=fma(vec4f(X.y),Y,bQ[1]);bQ[2]=fma(vec4f(X.z),Y,bQ[2]);bQ[3]=fma(vec4f(X.w),Y,bQ[3]);var Ta=X.x-Y;var Ua=X.y-Y;var Va=X.z-Y;var Wa=X.w-Y;if general{Ta=X.x*V[0]-Y*W[0];Ua=X.y*V[1]-Y*W[1];Va=X.z*V[2]-Y*W[2];Wa=X.w*V[3]-Y*W[3];}Qa[0]=fma(Ta,Ta,Qa[0]);Qa[1]=fma(Ua,Ua,Qa[1]);Qa[2]=fma(Va,Va,Qa[2]);Qa[3]=fma(Wa,Wa,Qa[3]);}Aa+=bQ;Ca+=Qa;Da++;if Da%RUNS==0u{cF(&Z,&Aa);cF(&Ba,&Ca);}}}workgroupBarrier();}if C>=z{return;}cF(&Z,&Aa);cF(&Ba,&Ca);let Xa=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Xa,Z[0],Aa[0],Ba[0],Ca[0]);write(Xa+4u*WG_SIZE,Z[1],Aa[1],Ba[1],Ca[1]);write(Xa+8u*WG_SIZE,Z[2],Aa[2],Ba[2],Ca[2]);write(Xa+12u*WG_SIZE,Z[3],Aa[3],Ba[3],Ca[3]);}
fn write(Ra:u32,Z:vec4f,Aa:vec4f,Ba:vec4f,Ca:vec4f){let a=transpose(mat4x4f(Z,Aa,Ba,Ca));aD[Ra]=a[0];aD[Ra+WG_SIZE]=a[1];aD[Ra+2u*WG_SIZE]=a[2];aD[Ra+3u*WG_SIZE]=a[3];}
fn cF(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let X=cC((*a)[0],(*b)[0]);let Y=cC((*a)[1],(*b)[1]);let m=cC((*a)[2],(*b)[2]);let n=cC((*a)[3],(*b)[3]);*a=mat4x4f(X.A,Y.A,m.A,n.A);*b=mat4x4f(X.B,Y.B,m.B,n.B);}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_mean_search: `${bits}${sum}${columns}${ends}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cG(a:u32,Fa:u32)->u32{return key_of(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cH(Fa);aD[Fa]=cI(Fa,e.B,e.A,p.begin,p.end);}
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
struct cJ{run:i32,W:u32,X:u32}
struct cK{at:u32,Y:bool,Z:u32,Aa:bool}
fn facing(E:cJ,g:i32)->cK{let a=i32(RUNS/2u);let b=g-E.run;let c=b<0||b>=a;let Ra=(E.W+u32(clamp(b,0,a-1)))*WG_SIZE+E.X;let e=select(0u,DROPPED,b>=a);return cK(Ra,c,e,!c&&E.W>0u);}
fn met(a:cK,b:u32)->u32{return select(b,a.Z,a.Y);}
fn is_lower(B:u32,a:cK,b:u32)->bool{let met=met(a,b);return B<met||(B==met&&a.Aa);}
fn kept_value(B:u32,a:f32)->f32{return select(value_of(B,a),0.0,B==DROPPED);}
fn key_at(a:u32,Fa:u32)->u32{if a>=p.n{return DROPPED;}return min(key_of(x[starts[a]+Fa]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32){let e=aH(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var g=1u;g<RUNS/2u;g*=2u){{let f=run^(2u*g-1u);let partner=f*WG_SIZE+c.x;let lower=run<f;#slot end_to_end
}for(var i=g/2u;i>0u;i/=2u){let f=run^i;let partner=f*WG_SIZE+c.x;let lower=run<f;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cJ(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var f=c.x;f<WG_SIZE*RUNS;f+=WG_SIZE){least=min(least,sh_keys[f]);above=max(above,sh_keys[WG_SIZE*RUNS+f]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.A);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.B);workgroupBarrier();if run>0u||e>=p.e{return;}for(var f=c.x+WG_SIZE;f<WG_SIZE*RUNS;f+=WG_SIZE){let m=bitcast<f32>(sh_keys[f]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+f]);kept.sum=bR(kept.sum,bF(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,Ba:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_stream(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}var kept=nothing_kept();var row=p.begin+p.n-p.end;#slot fill
for(;row+p.Ba<=p.n;row+=p.Ba){#slot step
}for(;row<p.n;row++){#slot insert
}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_sum: `${columns}${words}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_sum_search: `${columns}${ends}${words}struct aA{n:u32,e:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cG(a:u32,Fa:u32)->u32{return flipped(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cH(Fa);var g=0u;var f=0u;var i=0u;for(var o=0u;o<p.n;o++){let q=x[starts[o]+Fa];let B=flipped(q);g+=select(0u,q,B>e.B&&B<e.A);f+=u32(B>e.B);i+=u32(B<e.A);}let j=p.n-p.begin-f;let m=p.end-i;let n=j*flipped(e.B)+m*flipped(e.A);aD[Fa]=select(g+n,(p.end-p.begin)*flipped(e.B),e.B==e.A);}
`,
  screen: `${bits}${sum}struct aA{n:u32,e:u32,P:u32,Ca:u32,f:u32,zero:u32}
struct cL{Da:u32,Ea:i32,A:f32,B:f32,Fa:vec2u}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cL>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cM:u32=4;
const cN:i32=30;
const cO:i32=126;
const cP:u32=32u<<23u;
struct cQ{Da:u32,largest:u32,Ga:u32,Ha:i32,sum:bF,Fa:vec2u}
var<workgroup>cR:array<vec4u,WG_SIZE>;
var<workgroup>cS:array<vec2u,WG_SIZE>;
fn cT(Ga:vec4u)->vec4u{var a=Ga;a=(a^(a>>vec4u(16u)))*0x85ebca6bu;a=(a^(a>>vec4u(13u)))*0xc2b2ae35u;return a^(a>>vec4u(16u));}
fn cU(Ga:vec4u)->u32{return(Ga.x+Ga.y)+(Ga.z+Ga.w);}
fn cV(t:i32)->i32{return min(cN-t,cO);}
fn cW(a:cQ,Ga:vec4u,b:vec4u,c:vec4u)->cQ{var e=a;let f=Ga^(Ga>>vec4u(15u));e.Fa+=vec2u(cU(f*b),cU(f*c));let g=Ga&vec4u(MAGNITUDE);let i=g<vec4u(cE);e.Da+=cU(select(vec4u(1u),vec4u(),i));let kept=select(vec4u(),g,i);let j=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,j);if j>=e.Ga{let S=cV(aZ(j));let T=power(2*(S-e.Ha));e.sum=bF(e.sum.A*T,e.sum.B*T);e.Ha=S;e.Ga=((j>>23u)+1u)<<23u;}let m=kept<vec4u(0x00800000u);let n=vec4f(kept)*power(e.Ha-149);let t=select(bitcast<vec4f>(kept)*power(e.Ha),n,m);let o=t*t;e.sum=add(e.sum,(o.x+o.y)+(o.z+o.w),p.zero);return e;}
fn cX(R:u32,Fa:u32,r:u32)->vec4u{let Ga=x[(R+Fa)/4u];if Fa+4u<=r{return Ga;}return select(vec4u(),Ga,vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r));}
fn cY(X:cL,Y:cL)->cL{let t=max(X.Ea,Y.Ea);let V=power(2*(cV(t)-cV(X.Ea)));let W=power(2*(cV(t)-cV(Y.Ea)));let g=bR(bF(X.A*V,X.B*V),bF(Y.A*W,Y.B*W),p.zero);return cL(X.Da+Y.Da,t,g.A,g.B,X.Fa+Y.Fa);}
fn cZ(c:u32,a:cL){cR[c]=vec4u(a.Da,bitcast<u32>(a.Ea),bitcast<u32>(a.A),bitcast<u32>(a.B));cS[c]=a.Fa;}
fn kept(c:u32)->cL{let y=cR[c];return cL(y.x,bitcast<i32>(y.y),bitcast<f32>(y.z),bitcast<f32>(y.w),cS[c]);}
fn dA(e:cQ,a:u32,n:u32,c:u32){var b=cL(e.Da,aZ(e.largest),e.sum.A,e.sum.B,e.Fa);workgroupBarrier();cZ(c,b);for(var j=WG_SIZE/2u;j>0u;j/=2u){workgroupBarrier();if c<j{b=cY(b,kept(c+j));cZ(c,b);}}if c==0u{aD[n*p.n+a]=b;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=p.f+a.y;let o=n*p.P;let r=min(p.e,o+p.P);let b=a.x*cM;let e=p.n-1u;let f=starts[b];let g=starts[min(b+1u,e)];let i=starts[min(b+2u,e)];let j=starts[min(b+3u,e)];let m=cQ(0u,0u,cP,cO,bF(),vec2u());var X=m;var Y=m;var q=m;var t=m;for(var Fa=o+4u*c;Fa<r;Fa+=4u*WG_SIZE){var Ia=cX(f,Fa,r);var Ja=cX(g,Fa,r);var Ka=cX(i,Fa,r);var La=cX(j,Fa,r);let E=vec4u(p.Ca+Fa)+vec4u(0u,1u,2u,3u);let y=cT(E*0x9e3779b1u)|vec4u(1u);let z=cT(E*0x85ebca77u)|vec4u(1u);for(var Sa=0u;Sa<cM;Sa++){let A=cW(X,Ia,y,z);X=Y;Y=q;q=t;t=A;Ia=Ja;Ja=Ka;Ka=La;}}for(var Sa=0u;Sa<min(cM,p.n-b);Sa++){dA(X,b+Sa,n,c);X=Y;Y=q;q=t;}}
`,
  self_test: `${bits}${sum}struct aA{E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var o=0u;o<p.E;o++){let q=x[o];let Ra=8u*o;aD[Ra]=u32(aY(q))|(u32(dB(q))<<1u);aD[Ra+1u]=key_of(q);aD[Ra+2u]=word_of(key_of(q));if aY(q){aD[Ra+3u]=bitcast<u32>(aZ(q));let a=bB(q,-aZ(q));aD[Ra+4u]=bitcast<u32>(a);aD[Ra+5u]=aT(a,aZ(q));let g=add(add(bF(33554432.0,0.0),a,p.zero),-33554432.0,p.zero);aD[Ra+6u]=bitcast<u32>(g.A+g.B);}}}
`,
  sign_sum: `${bits}${columns}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=4u*aH(a,b,c);if Fa>=p.e{return;}var g=vec4i();for(var o=0u;o<p.n;o++){let Ga=x[(starts[o]+Fa)/4u];let e=Ga&vec4u(MAGNITUDE);let f=(bitcast<vec4i>(Ga)>>vec4u(31u))|vec4i(1);let i=(e>vec4u())&(e<=vec4u(cE));g+=select(vec4i(),f,i);}aD[Fa/4u]=bitcast<vec4u>(vec4f(g));}
`,
  squared_distances: `${triangle}struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const bT:u32=8;
const RUNS:u32=3;
const dC:u32=0x01ffffffu;
const dD:u32=1u;
const dE:u32=2u;
var<workgroup>bV:array<vec4i,1024>;
const bW:u32=512;
struct dF{A:vec4u,Ia:vec4i,B:vec4u}
struct aS{B:vec4u,A:vec4u}
fn dG(a:dF,n:vec4i)->dF{let b=n>>vec4u(13u);let c=n&vec4i(0x1fff);return dF(a.A+vec4u(b*b),a.Ia+b*c,a.B+vec4u(c*c));}
fn dH(y:aS,n:vec4u,m:vec4u)->aS{let c=y.B+n;return aS(c,y.A+m+vec4u(c<n));}
fn dI(y:aS,a:dF)->aS{let m=dH(y,a.A<<vec4u(26u),a.A>>vec4u(6u));let b=bitcast<vec4u>(a.Ia<<vec4u(14u));let c=dH(m,b,bitcast<vec4u>(a.Ia>>vec4u(18u)));return dH(c,a.B,vec4u());}
fn dJ(Ga:vec4u)->vec4<bool>{return Ga+vec4u(dC)>vec4u(2u*dC);}
fn dK(Ra:u32,n:u32,m:u32){let c=atomicAdd(&aD[Ra],n)+n;let a=m+u32(c<n);if atomicAdd(&aD[Ra+1u],a)+a<a{atomicOr(&aD[Ra+2u],dD);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let f=bP(p.H+a.x,p.I);let g=f.x;let i=f.y;let j=g==i;let q=p.V+a.y;let n=q/p.O;let o=n*p.P+(q%p.O)*p.Q;let r=min(p.e,min((n+1u)*p.P,o+p.Q));let z=select(p.M,p.L,j);let A=select(p.U,p.T,j);let B=select(p.S*p.S,p.S*(p.S+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.S,D%p.S);if j{E=bP(D,p.S);}let F=E.x;let G=E.y;let H=select(bW,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.S;let L=4u*(J/p.S);let M=select(g,i,I)*p.R+4u*K;let N=select(0u,bW,I)+L*p.S+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.n);let Q=min(O,vec4u(p.n-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);let m=dF();var e=m;var t=m;var y=m;var S=m;var T=aS();var U=T;var V=T;var W=T;var Da=0u;var X=vec4<bool>();for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Y=vec4u();var Z=vec4u();var Aa=vec4u();var Ba=vec4u();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Y=select(vec4u(),x[Ha.x],Ma&vec4<bool>(P.x));Z=select(vec4u(),x[Ha.y],Ma&vec4<bool>(P.y));Aa=select(vec4u(),x[Ha.z],Ma&vec4<bool>(P.z));Ba=select(vec4u(),x[Ha.w],Ma&vec4<bool>(P.w));}let Na=array(vec4u(Y.x,Z.x,Aa.x,Ba.x),vec4u(Y.y,Z.y,Aa.y,Ba.y),vec4u(Y.z,Z.z,Aa.z,Ba.z),vec4u(Y.w,Z.w,Aa.w,Ba.w));X|=dJ(Na[0])|dJ(Na[1]);X|=dJ(Na[2])|dJ(Na[3]);bV[N]=bitcast<vec4i>(Na[0]);bV[N+p.S]=bitcast<vec4i>(Na[1]);bV[N+2u*p.S]=bitcast<vec4i>(Na[2]);bV[N+3u*p.S]=bitcast<vec4i>(Na[3]);}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bT*z){var Ra=Pa*p.S;for(var Sa=0u;Sa<bT;Sa++){let Y=bV[Ra+F];let Z=bV[H+Ra+G];Ra+=z*p.S;e=dG(e,vec4i(Y.x)-Z);t=dG(t,vec4i(Y.y)-Z);y=dG(y,vec4i(Y.z)-Z);S=dG(S,vec4i(Y.w)-Z);}Da++;if Da==RUNS{T=dI(T,e);U=dI(U,t);V=dI(V,y);W=dI(W,S);e=m;t=m;y=m;S=m;Da=0u;}}}workgroupBarrier();}let Ca=3u*p.R*p.R*((n-p.V/p.O)*b.x+a.x);for(var Sa=0u;Sa<4u;Sa++){if X[Sa]{dL(Ca,4u*K+Sa,vec2<bool>(!I,I||j));}}if C>=z{return;}let Ga=cJ(g*p.R,i*p.R,4u*F,4u*G,Ca);dM(Ga,0u,dI(T,e));dM(Ga,1u,dI(U,t));dM(Ga,2u,dI(V,y));dM(Ga,3u,dI(W,S));}
fn dL(Ca:u32,b:u32,a:vec2<bool>){for(var f=0u;f<p.R;f++){if a.x{atomicOr(&aD[Ca+3u*(b*p.R+f)+2u],dE);}if a.y{atomicOr(&aD[Ca+3u*(f*p.R+b)+2u],dE);}}}
struct cJ{Ja:u32,Ka:u32,a:u32,b:u32,La:u32}
fn dM(E:cJ,Sa:u32,y:aS){dN(E,vec2u(Sa,0u),vec2u(y.B.x,y.A.x));dN(E,vec2u(Sa,1u),vec2u(y.B.y,y.A.y));dN(E,vec2u(Sa,2u),vec2u(y.B.z,y.A.z));dN(E,vec2u(Sa,3u),vec2u(y.B.w,y.A.w));}
fn dN(E:cJ,a:vec2u,g:vec2u){let Y=E.a+a.x;let Z=E.b+a.y;if E.Ka+Z>=p.n||E.Ja+Y>=E.Ka+Z{return;}dK(E.La+3u*(Y*p.R+Z),g.x,g.y);}
`,
  sum_rows: `${columns}struct aA{n:u32,e:u32,o:u32,S:u32,Ma:u32,Na:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}var z=vec4u();if p.Na==1u{for(var e=0u;e<p.n;e++){z+=x[starts[e]/4u+Ha];}}let Ea=a.z*p.Ma;for(var Sa=Ea;Sa<min(p.S,Ea+p.Ma);Sa++){var g=z*aC[4u*Sa];var Ra=aC[4u*Sa+1u];let f=aC[4u*Sa+2u];let r=aC[4u*Sa+3u];for(;Ra<f;Ra++){g+=x[starts[aC[Ra]]/4u+Ha];}for(;Ra<r;Ra++){g-=x[starts[aC[Ra]]/4u+Ha];}aD[Sa*(p.o/4u)+Ha]=g;}}
`,
  widen: `struct aA{begin:u32,Oa:u32,Pa:u32}
@group(0)@binding(0)var<storage,read>dO:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(j:u32)->u32{let f=(j&0x8000u)<<16u;let m=j&0x7fffu;if m>=0x7c00u{return f|0x7f800000u|(m<<13u);}if m>=0x0400u{return f|((m<<13u)+(112u<<23u));}if m==0u{return f;}let Ea=firstLeadingBit(m);return f|((Ea+103u)<<23u)|((m<<(23u-Ea))&0x007fffffu);}
fn dP(q:u32)->vec2u{if p.Pa==1u{return vec2u(q<<16u,q&0xffff0000u);}return vec2u(widened(q&0xffffu),widened(q>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=(a.y*b.x+a.x)*WG_SIZE+c;if Ha>=p.Oa{return;}let Ga=dO[Ha];aD[p.begin+Ha]=vec4u(dP(Ga.x),dP(Ga.y));}
`,
};
