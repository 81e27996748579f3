/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

import { bits, chacha20, columns, distance, ends, kept, sum, sums, triangle, words } from './shared-shaders.gen.ts';

export type ShaderName =
  | 'add_lattice_noise'
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
  combine: `${bits}${sum}${sums}${columns}struct aA{j:u32,e:u32,m:u32,n:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aK:array<vec4u>;
@group(0)@binding(3)var<storage,read>aL:array<vec2u>;
@group(0)@binding(4)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(5)var<uniform>p:aA;
override OUTPUTS:u32=1;
const aM:u32=0x6f800000u;
struct aN{o:u32,col:u32}
fn write(a:aO,b:vec4u,c:vec2u,e:aN,f:u32)->u32{let g=e.o+f;if g>=p.n{return 0u;}let i=bitcast<i32>(c.x);let j=a.q+a.t;aD[(g*p.m+e.col)/4u]=vec4u(aP(j.x,i),aP(j.y,i),aP(j.z,i),aP(j.w,i));let m=(a.A>=vec4f(bitcast<f32>(c.y)))&(b<vec4u(aM));let n= !(m|(b==vec4u()));return dot(vec4u(n),vec4u(1u,2u,4u,8u))<<(4u*f);}
fn aQ(a:u32,b:u32)->u32{let c=starts[a]+b;return x[c/4u][c%4u];}
fn aR(g:u32,b:u32)->u32{let a=g*p.j;var c=aS;var e=aT();for(var f=0u;f<p.j;f++){let i=aL[a+f];if i.x==0u{continue;}let j=aQ(f,b);if aU(j){c=max(c,aV(j)+bitcast<i32>(i.y));}else{e.B|=aW(j,i.x);}}for(var f=0u;f<p.j&&e.B==0u;f++){let i=aL[a+f];if i.x==0u{continue;}let m=aX(aQ(f,b),bitcast<i32>(i.y)-c);e.sum=add(e.sum,bitcast<f32>(i.x)*m,p.zero);}return aY(e,1.0,c,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=aN(a.z*OUTPUTS,4u*aH(a,b,c));if e.col>=p.e{return;}let f=a.z*(p.j+2u);var g=vec4u();var i=aO();var j=i;var m=i;var n=i;for(var o=0u;o<p.j;o++){let q=aK[f+2u+o];if all(q==vec4u()){continue;}let r=x[(starts[o]+e.col)/4u];g=max(g,r&vec4u(MAGNITUDE));let t=bitcast<vec4f>(r);let y=bitcast<vec4f>(q);i=aZ(i,y.x*t,p.zero);if OUTPUTS>1u{j=aZ(j,y.y*t,p.zero);}if OUTPUTS>2u{m=aZ(m,y.z*t,p.zero);}if OUTPUTS>3u{n=aZ(n,y.w*t,p.zero);}}let z=aK[f];let A=aK[f+1u];var B=write(i,g,vec2u(z.x,A.x),e,0u);if OUTPUTS>1u{B|=write(j,g,vec2u(z.y,A.y),e,1u);}if OUTPUTS>2u{B|=write(m,g,vec2u(z.z,A.z),e,2u);}if OUTPUTS>3u{B|=write(n,g,vec2u(z.w,A.w),e,3u);}for(;B>0u;B&=B-1u){let C=firstTrailingBit(B);let D=e.o+C/4u;let E=e.col+C%4u;if E>=p.e{continue;}aD[(D*p.m+E)/4u][E%4u]=aR(D,E);}}
`,
  deviation: `${bits}${sum}${columns}struct aA{j:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}var e=aS;for(var o=0u;o<p.j;o++){let j=x[starts[o]+E];if!aU(j){aD[E]=bA;return;}e=max(e,aV(j));}var g=bB();for(var o=0u;o<p.j;o++){g=add(g,aX(x[starts[o]+E],-e),p.zero);}let f=bC((g.q+g.t)/f32(p.j),p.zero);var i=bB();var m=bB();for(var o=0u;o<p.j;o++){let n=bC(aX(x[starts[o]+E],-e)-f,p.zero);i=add(i,n*n,p.zero);m=add(m,n,p.zero);}let q=m.q+m.t;let r=max(0.0,i.q+i.t-q*q/f32(p.j));aD[E]=aP(sqrt(r/f32(p.j-1u)),e);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{j:u32,e:u32,C:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bD:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}let center=bD[col];#slot sort
if tame{var far=bE;var left=p.C;var largest=0u;var bits=0u;var total=aT();#slot tame
aD[col]=select(aY(total,f32(p.C),top,p.zero),bits,p.C==1u);return;}#slot list
for(var o=0u;o<p.j;o++){away[o]=bF(words[o],center);}var far=bE;for(var o=0u;o+p.C<=p.j;o++){far=min(far,max(away[o],away[o+p.C-1u]));}var left=p.C;for(var o=0u;o<p.j;o++){left-=u32(away[o]<far);}var c=0u;for(var o=0u;o<p.j;o++){if away[o]>far||(away[o]==far&&left==0u){continue;}left-=u32(away[o]==far);words[c]=words[o];c++;}if p.C==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aS;var total=aT();for(var o=0u;o<p.C;o++){bG(words[o],&top,&total);}for(var o=0u;o<p.C&&total.B==0u;o++){total.sum=add(total.sum,aX(words[o],-top),p.zero);}aD[col]=aY(total,f32(p.C),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{j:u32,e:u32,C:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bD:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let E=aH(a,b,c);if E>=p.e{return;}let e=bD[E];var f=is_tame(e);for(var o=0u;o<p.j&&f;o++){f=is_tame(x[starts[o]+E]);}var g=0u;for(var C=bH;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.j;o++){i+=u32(bI(x[starts[o]+E],e,f)<(g|C));}if i<p.C{g|=C;}}var j=0u;for(var o=0u;o<p.j;o++){j+=u32(bI(x[starts[o]+E],e,f)<g);}let m=p.C-j-1u;var n=0u;for(var C=bH;C>0u;C>>=1u){var i=0u;for(var o=0u;o<p.j;o++){let q=x[starts[o]+E];let r=bI(q,e,f)==g;i+=u32(r&&key_of(q)<(n|C));}if i<=m{n|=C;}}if p.C==1u{aD[E]=word_of(n);return;}var t=aS;var y=0u;var z=aT();for(var o=0u;o<p.j;o++){let q=x[starts[o]+E];let A=bI(q,e,f);let B=key_of(q);if A>g||(A==g&&B>n){continue;}y+=u32(A==g&&B<n);bG(q,&t,&z);}if z.B==0u{for(var o=0u;o<p.j;o++){let q=x[starts[o]+E];let A=bI(q,e,f);if A<g||(A==g&&key_of(q)<n){z.sum=add(z.sum,aX(q,-t),p.zero);}}let D=f32(p.C-j-y);z.sum=add(z.sum,D*aX(word_of(n),-t),p.zero);}aD[E]=aY(z,f32(p.C),t,p.zero);}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{D:u32,E:u32,F:u32,G:u32,H:u32,I:u32,J:u32,K:u32,L:u32,M:u32,zero:u32}
@group(0)@binding(0)var<storage,read>bJ:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bK:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let b=a.y*WG_SIZE+c;let e=a.x;let f=bL(p.F+e,p.G);let g=f.x==f.y;let i=select(p.I,p.H,g);let j=select(p.K,p.J,g);if b>=16u*i{return;}let m=a.z*p.M;let n=min(p.L,m+p.M);var bM=bB();var o=bB();for(var q=m;q<n;q++){let r=(q*p.D+e)*bK+(b/i)*256u+b%i;for(var t=0u;t<j;t++){let y=bJ[r+t*i];bM=bN(bM,bB(y.x,y.y),p.zero);o=bN(o,bB(y.z,y.w),p.zero);}}aD[(a.z*p.D+e)*p.E+b]=vec4f(bM.q,bM.t,o.q,o.t);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bO:i32=100000;
const WG_SIZE:u32=256;
const bP:u32=8;
const RUNS:u32=4;
struct aA{j:u32,e:u32,N:u32,O:u32,M:u32,G:u32,P:u32,Q:u32,J:u32,K:u32,R:u32,S:u32,T:u32,F:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bQ:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>bR:array<vec4f,1024>;
const bS:u32=512;
struct bT{q:vec4f,t:vec4f}
fn bU(i:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(i+vec4i(127),vec4i()))<<vec4u(23u));}
fn bV(a:i32,b:vec4i)->vec4f{return bU(vec4i(a)-max(vec4i(a),b));}
fn bW(m:u32,a:u32)->vec4i{let c=vec4u(m)+min(vec4u(a)+vec4u(0u,1u,2u,3u),vec4u(p.j-1u));return vec4i(bQ[c.x],bQ[c.y],bQ[c.z],bQ[c.w]);}
fn bX(t:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(t)^vec4u(p.zero));}
fn bY(a:vec4f,b:vec4f)->bT{let c=bX(a+b);if!compensated{return bT(c,vec4f());}return bT(c,b-bX(c-a));}
fn bZ(r:vec4u,y:f32,a:f32)->vec4f{let b=r&vec4u(cA);let c=select(r,vec4u(),b==vec4u(cA));let e=vec4f(c&vec4u(0x007fffffu))*a;let f=bitcast<vec4f>(bitcast<vec4u>(e)|(c&vec4u(bH)));return select(bitcast<vec4f>(c)*y,f,b==vec4u());}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let e=p.F+a.x;let f=bL(e,p.G);let g=f.x;let i=f.y;let j=g==i;let m=p.G*(p.G+1u)/2u;let q=p.T+a.y;let n=q/p.M;let o=n*p.N+(q%p.M)*p.O;let r=min(p.e,min((n+1u)*p.N,o+p.O));let t=n*(p.j+m);let y=bQ[t+p.j+e];if general!=(y==bO){return;}let z=select(p.K,p.J,j);let A=select(p.S,p.R,j);let B=select(p.Q*p.Q,p.Q*(p.Q+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.Q,D%p.Q);if j{E=bL(D,p.Q);}let F=E.x;let G=E.y;let H=select(bS,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.Q;let L=4u*(J/p.Q);let M=select(g,i,I)*p.P+4u*K;let N=select(0u,bS,I)+L*p.Q+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.j);let Q=min(O,vec4u(p.j-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);var S=vec4i(-y);if general{S= -bW(t,M);}let T=bU(S);let U=bU(S-vec4i(149));var V=mat4x4f();var W=mat4x4f();if general{let X=bW(t,g*p.P+4u*F);let Y=bW(t,i*p.P+4u*G);V=mat4x4f(bV(X.x,Y),bV(X.y,Y),bV(X.z,Y),bV(X.w,Y));W=transpose(mat4x4f(bV(Y.x,X),bV(Y.y,X),bV(Y.z,X),bV(Y.w,X)));}var Z=mat4x4f();var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=0u;for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var Ga=mat4x4f();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ia=x[Ha.x];let Ja=x[Ha.y];let Ka=x[Ha.z];let La=x[Ha.w];let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);Ga[0]=bZ(select(vec4u(),Ia,Ma&vec4<bool>(P.x)),T.x,U.x);Ga[1]=bZ(select(vec4u(),Ja,Ma&vec4<bool>(P.y)),T.y,U.y);Ga[2]=bZ(select(vec4u(),Ka,Ma&vec4<bool>(P.z)),T.z,U.z);Ga[3]=bZ(select(vec4u(),La,Ma&vec4<bool>(P.w)),T.w,U.w);}let Na=transpose(Ga);bR[N]=Na[0];bR[N+p.Q]=Na[1];bR[N+2u*p.Q]=Na[2];bR[N+3u*p.Q]=Na[3];}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bP*z){var bM=mat4x4f();var Qa=mat4x4f();var Ra=Pa*p.Q;for(var Sa=0u;Sa<bP;Sa++){let X=bR[Ra+F];let Y=bR[H+Ra+G];Ra+=z*p.Q;bM[0]=fma(vec4f(X.x),Y,bM[0]);bM[1]=fma(vec4f(X.y),Y,bM[1]);bM[2]=fma(vec4f(X.z),Y,bM[2]);bM[3]=fma(vec4f(X.w),Y,bM[3]);var Ta=X.x-Y;var Ua=X.y-Y;var Va=X.z-Y;var Wa=X.w-Y;if general{Ta=X.x*V[0]-Y*W[0];Ua=X.y*V[1]-Y*W[1];Va=X.z*V[2]-Y*W[2];Wa=X.w*V[3]-Y*W[3];}Qa[0]=fma(Ta,Ta,Qa[0]);Qa[1]=fma(Ua,Ua,Qa[1]);Qa[2]=fma(Va,Va,Qa[2]);Qa[3]=fma(Wa,Wa,Qa[3]);}Aa+=bM;Ca+=Qa;Da++;if Da%RUNS==0u{cB(&Z,&Aa);cB(&Ba,&Ca);}}}workgroupBarrier();}if C>=z{return;}cB(&Z,&Aa);cB(&Ba,&Ca);let Xa=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Xa,Z[0],Aa[0],Ba[0],Ca[0]);write(Xa+4u*WG_SIZE,Z[1],Aa[1],Ba[1],Ca[1]);write(Xa+8u*WG_SIZE,Z[2],Aa[2],Ba[2],Ca[2]);write(Xa+12u*WG_SIZE,Z[3],Aa[3],Ba[3],Ca[3]);}
fn write(Ra:u32,Z:vec4f,Aa:vec4f,Ba:vec4f,Ca:vec4f){let a=transpose(mat4x4f(Z,Aa,Ba,Ca));aD[Ra]=a[0];aD[Ra+WG_SIZE]=a[1];aD[Ra+2u*WG_SIZE]=a[2];aD[Ra+3u*WG_SIZE]=a[3];}
fn cB(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let X=bY((*a)[0],(*b)[0]);let Y=bY((*a)[1],(*b)[1]);let m=bY((*a)[2],(*b)[2]);let n=bY((*a)[3],(*b)[3]);*a=mat4x4f(X.q,Y.q,m.q,n.q);*b=mat4x4f(X.t,Y.t,m.t,n.t);}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct aA{j:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_mean_search: `${bits}${sum}${columns}${ends}${kept}struct aA{j:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cC(a:u32,Fa:u32)->u32{return key_of(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cD(Fa);aD[Fa]=cE(Fa,e.t,e.q,p.begin,p.end);}
`,
  rank_mean_split: `${bits}${sum}${columns}${kept}struct aA{j:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
override RUNS:u32=2;
const DROPPED:u32=0xffffffffu;
override WORDS:u32=4096;
var<workgroup>sh_keys:array<u32,WORDS>;
struct cF{run:i32,U:u32,V:u32}
struct cG{at:u32,W:bool,X:u32,Y:bool}
fn facing(E:cF,g:i32)->cG{let a=i32(RUNS/2u);let b=g-E.run;let c=b<0||b>=a;let Ra=(E.U+u32(clamp(b,0,a-1)))*WG_SIZE+E.V;let e=select(0u,DROPPED,b>=a);return cG(Ra,c,e,!c&&E.U>0u);}
fn met(a:cG,b:u32)->u32{return select(b,a.X,a.W);}
fn is_lower(B:u32,a:cG,b:u32)->bool{let met=met(a,b);return B<met||(B==met&&a.Y);}
fn kept_value(B:u32,a:f32)->f32{return select(value_of(B,a),0.0,B==DROPPED);}
fn key_at(a:u32,Fa:u32)->u32{if a>=p.j{return DROPPED;}return min(key_of(x[starts[a]+Fa]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32){let e=aH(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var f=1u;f<RUNS/2u;f*=2u){{let g=run^(2u*f-1u);let partner=g*WG_SIZE+c.x;let lower=run<g;#slot end_to_end
}for(var i=f/2u;i>0u;i/=2u){let g=run^i;let partner=g*WG_SIZE+c.x;let lower=run<g;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cF(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var g=c.x;g<WG_SIZE*RUNS;g+=WG_SIZE){least=min(least,sh_keys[g]);above=max(above,sh_keys[WG_SIZE*RUNS+g]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.q);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.t);workgroupBarrier();if run>0u||e>=p.e{return;}for(var g=c.x+WG_SIZE;g<WG_SIZE*RUNS;g+=WG_SIZE){let m=bitcast<f32>(sh_keys[g]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+g]);kept.sum=bN(kept.sum,bB(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct aA{j:u32,e:u32,begin:u32,end:u32,Z:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_stream(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}var kept=nothing_kept();var row=p.begin+p.j-p.end;#slot fill
for(;row+p.Z<=p.j;row+=p.Z){#slot step
}for(;row<p.j;row++){#slot insert
}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_sum: `${columns}${words}struct aA{j:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32){let col=aH(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_sum_search: `${columns}${ends}${words}struct aA{j:u32,e:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
fn cC(a:u32,Fa:u32)->u32{return flipped(x[starts[a]+Fa]);}
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=aH(a,b,c);if Fa>=p.e{return;}let e=cD(Fa);var g=0u;var f=0u;var i=0u;for(var o=0u;o<p.j;o++){let q=x[starts[o]+Fa];let B=flipped(q);g+=select(0u,q,B>e.t&&B<e.q);f+=u32(B>e.t);i+=u32(B<e.q);}let j=p.j-p.begin-f;let m=p.end-i;let n=j*flipped(e.t)+m*flipped(e.q);aD[Fa]=select(g+n,(p.end-p.begin)*flipped(e.t),e.t==e.q);}
`,
  screen: `${bits}${sum}struct aA{j:u32,e:u32,N:u32,Aa:u32,f:u32,zero:u32}
struct cH{Ba:u32,Ca:i32,q:f32,t:f32,Da:vec2u}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cH>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cI:u32=4;
const cJ:i32=30;
const cK:i32=126;
const cL:u32=32u<<23u;
struct cM{Ba:u32,largest:u32,Ea:u32,Fa:i32,sum:bB,Da:vec2u}
var<workgroup>cN:array<vec4u,WG_SIZE>;
var<workgroup>cO:array<vec2u,WG_SIZE>;
fn cP(Ga:vec4u)->vec4u{var a=Ga;a=(a^(a>>vec4u(16u)))*0x85ebca6bu;a=(a^(a>>vec4u(13u)))*0xc2b2ae35u;return a^(a>>vec4u(16u));}
fn cQ(Ga:vec4u)->u32{return(Ga.x+Ga.y)+(Ga.z+Ga.w);}
fn cR(t:i32)->i32{return min(cJ-t,cK);}
fn cS(a:cM,Ga:vec4u,b:vec4u,c:vec4u)->cM{var e=a;let f=Ga^(Ga>>vec4u(15u));e.Da+=vec2u(cQ(f*b),cQ(f*c));let g=Ga&vec4u(MAGNITUDE);let i=g<vec4u(cA);e.Ba+=cQ(select(vec4u(1u),vec4u(),i));let kept=select(vec4u(),g,i);let j=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,j);if j>=e.Ea{let S=cR(aV(j));let T=power(2*(S-e.Fa));e.sum=bB(e.sum.q*T,e.sum.t*T);e.Fa=S;e.Ea=((j>>23u)+1u)<<23u;}let m=kept<vec4u(0x00800000u);let n=vec4f(kept)*power(e.Fa-149);let t=select(bitcast<vec4f>(kept)*power(e.Fa),n,m);let o=t*t;e.sum=add(e.sum,(o.x+o.y)+(o.z+o.w),p.zero);return e;}
fn cT(R:u32,Fa:u32,r:u32)->vec4u{let Ga=x[(R+Fa)/4u];if Fa+4u<=r{return Ga;}return select(vec4u(),Ga,vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r));}
fn cU(X:cH,Y:cH)->cH{let t=max(X.Ca,Y.Ca);let V=power(2*(cR(t)-cR(X.Ca)));let W=power(2*(cR(t)-cR(Y.Ca)));let g=bN(bB(X.q*V,X.t*V),bB(Y.q*W,Y.t*W),p.zero);return cH(X.Ba+Y.Ba,t,g.q,g.t,X.Da+Y.Da);}
fn cV(c:u32,a:cH){cN[c]=vec4u(a.Ba,bitcast<u32>(a.Ca),bitcast<u32>(a.q),bitcast<u32>(a.t));cO[c]=a.Da;}
fn kept(c:u32)->cH{let y=cN[c];return cH(y.x,bitcast<i32>(y.y),bitcast<f32>(y.z),bitcast<f32>(y.w),cO[c]);}
fn cW(e:cM,a:u32,n:u32,c:u32){var b=cH(e.Ba,aV(e.largest),e.sum.q,e.sum.t,e.Da);workgroupBarrier();cV(c,b);for(var j=WG_SIZE/2u;j>0u;j/=2u){workgroupBarrier();if c<j{b=cU(b,kept(c+j));cV(c,b);}}if c==0u{aD[n*p.j+a]=b;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)c:u32){let n=p.f+a.y;let o=n*p.N;let r=min(p.e,o+p.N);let b=a.x*cI;let e=p.j-1u;let f=starts[b];let g=starts[min(b+1u,e)];let i=starts[min(b+2u,e)];let j=starts[min(b+3u,e)];let m=cM(0u,0u,cL,cK,bB(),vec2u());var X=m;var Y=m;var q=m;var t=m;for(var Fa=o+4u*c;Fa<r;Fa+=4u*WG_SIZE){var Ia=cT(f,Fa,r);var Ja=cT(g,Fa,r);var Ka=cT(i,Fa,r);var La=cT(j,Fa,r);let E=vec4u(p.Aa+Fa)+vec4u(0u,1u,2u,3u);let y=cP(E*0x9e3779b1u)|vec4u(1u);let z=cP(E*0x85ebca77u)|vec4u(1u);for(var Sa=0u;Sa<cI;Sa++){let A=cS(X,Ia,y,z);X=Y;Y=q;q=t;t=A;Ia=Ja;Ja=Ka;Ka=La;}}for(var Sa=0u;Sa<min(cI,p.j-b);Sa++){cW(X,b+Sa,n,c);X=Y;Y=q;q=t;}}
`,
  self_test: `${bits}${sum}struct aA{C:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var o=0u;o<p.C;o++){let q=x[o];let Ra=8u*o;aD[Ra]=u32(aU(q))|(u32(cX(q))<<1u);aD[Ra+1u]=key_of(q);aD[Ra+2u]=word_of(key_of(q));if aU(q){aD[Ra+3u]=bitcast<u32>(aV(q));let a=aX(q,-aV(q));aD[Ra+4u]=bitcast<u32>(a);aD[Ra+5u]=aP(a,aV(q));let g=add(add(bB(33554432.0,0.0),a,p.zero),-33554432.0,p.zero);aD[Ra+6u]=bitcast<u32>(g.q+g.t);}}}
`,
  sign_sum: `${bits}${columns}struct aA{j:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Fa=4u*aH(a,b,c);if Fa>=p.e{return;}var g=vec4i();for(var o=0u;o<p.j;o++){let Ga=x[(starts[o]+Fa)/4u];let e=Ga&vec4u(MAGNITUDE);let f=(bitcast<vec4i>(Ga)>>vec4u(31u))|vec4i(1);let i=(e>vec4u())&(e<=vec4u(cA));g+=select(vec4i(),f,i);}aD[Fa/4u]=bitcast<vec4u>(vec4f(g));}
`,
  squared_distances: `${triangle}struct aA{j:u32,e:u32,N:u32,O:u32,M:u32,G:u32,P:u32,Q:u32,J:u32,K:u32,R:u32,S:u32,T:u32,F:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const bP:u32=8;
const RUNS:u32=3;
const cY:u32=0x01ffffffu;
const cZ:u32=1u;
const dA:u32=2u;
var<workgroup>bR:array<vec4i,1024>;
const bS:u32=512;
struct dB{q:vec4u,Ga:vec4i,t:vec4u}
struct aO{t:vec4u,q:vec4u}
fn dC(a:dB,n:vec4i)->dB{let b=n>>vec4u(13u);let c=n&vec4i(0x1fff);return dB(a.q+vec4u(b*b),a.Ga+b*c,a.t+vec4u(c*c));}
fn dD(y:aO,n:vec4u,m:vec4u)->aO{let c=y.t+n;return aO(c,y.q+m+vec4u(c<n));}
fn dE(y:aO,a:dB)->aO{let m=dD(y,a.q<<vec4u(26u),a.q>>vec4u(6u));let b=bitcast<vec4u>(a.Ga<<vec4u(14u));let c=dD(m,b,bitcast<vec4u>(a.Ga>>vec4u(18u)));return dD(c,a.t,vec4u());}
fn dF(Ga:vec4u)->vec4<bool>{return Ga+vec4u(cY)>vec4u(2u*cY);}
fn dG(Ra:u32,n:u32,m:u32){let c=atomicAdd(&aD[Ra],n)+n;let a=m+u32(c<n);if atomicAdd(&aD[Ra+1u],a)+a<a{atomicOr(&aD[Ra+2u],cZ);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let f=bL(p.F+a.x,p.G);let g=f.x;let i=f.y;let j=g==i;let q=p.T+a.y;let n=q/p.M;let o=n*p.N+(q%p.M)*p.O;let r=min(p.e,min((n+1u)*p.N,o+p.O));let z=select(p.K,p.J,j);let A=select(p.S,p.R,j);let B=select(p.Q*p.Q,p.Q*(p.Q+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.Q,D%p.Q);if j{E=bL(D,p.Q);}let F=E.x;let G=E.y;let H=select(bS,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.Q;let L=4u*(J/p.Q);let M=select(g,i,I)*p.P+4u*K;let N=select(0u,bS,I)+L*p.Q+K;let O=vec4u(M)+vec4u(0u,1u,2u,3u);let P=O<vec4u(p.j);let Q=min(O,vec4u(p.j-1u));let R=vec4u(starts[Q.x],starts[Q.y],starts[Q.z],starts[Q.w]);let m=dB();var e=m;var t=m;var y=m;var S=m;var T=aO();var U=T;var V=T;var W=T;var Da=0u;var dH=vec4<bool>();for(var Ea=o;Ea<r;Ea+=A){let Fa=Ea+L;if L<A{var X=vec4u();var Y=vec4u();var Z=vec4u();var Aa=vec4u();if Fa<r{let Ha=(R+vec4u(Fa))/vec4u(4u);let Ma=vec4u(Fa)+vec4u(0u,1u,2u,3u)<vec4u(r);X=select(vec4u(),x[Ha.x],Ma&vec4<bool>(P.x));Y=select(vec4u(),x[Ha.y],Ma&vec4<bool>(P.y));Z=select(vec4u(),x[Ha.z],Ma&vec4<bool>(P.z));Aa=select(vec4u(),x[Ha.w],Ma&vec4<bool>(P.w));}let Na=array(vec4u(X.x,Y.x,Z.x,Aa.x),vec4u(X.y,Y.y,Z.y,Aa.y),vec4u(X.z,Y.z,Z.z,Aa.z),vec4u(X.w,Y.w,Z.w,Aa.w));dH|=dF(Na[0])|dF(Na[1]);dH|=dF(Na[2])|dF(Na[3]);bR[N]=bitcast<vec4i>(Na[0]);bR[N+p.Q]=bitcast<vec4i>(Na[1]);bR[N+2u*p.Q]=bitcast<vec4i>(Na[2]);bR[N+3u*p.Q]=bitcast<vec4i>(Na[3]);}workgroupBarrier();let Oa=min(A,r-Ea);if C<z{for(var Pa=C;Pa<Oa;Pa+=bP*z){var Ra=Pa*p.Q;for(var Sa=0u;Sa<bP;Sa++){let X=bR[Ra+F];let Y=bR[H+Ra+G];Ra+=z*p.Q;e=dC(e,vec4i(X.x)-Y);t=dC(t,vec4i(X.y)-Y);y=dC(y,vec4i(X.z)-Y);S=dC(S,vec4i(X.w)-Y);}Da++;if Da==RUNS{T=dE(T,e);U=dE(U,t);V=dE(V,y);W=dE(W,S);e=m;t=m;y=m;S=m;Da=0u;}}}workgroupBarrier();}let Ba=3u*p.P*p.P*((n-p.T/p.M)*b.x+a.x);for(var Sa=0u;Sa<4u;Sa++){if dH[Sa]{dI(Ba,4u*K+Sa,vec2<bool>(!I,I||j));}}if C>=z{return;}let Ca=cF(g*p.P,i*p.P,4u*F,4u*G,Ba);dJ(Ca,0u,dE(T,e));dJ(Ca,1u,dE(U,t));dJ(Ca,2u,dE(V,y));dJ(Ca,3u,dE(W,S));}
fn dI(Ba:u32,b:u32,a:vec2<bool>){for(var g=0u;g<p.P;g++){if a.x{atomicOr(&aD[Ba+3u*(b*p.P+g)+2u],dA);}if a.y{atomicOr(&aD[Ba+3u*(g*p.P+b)+2u],dA);}}}
struct cF{Ha:u32,Ia:u32,a:u32,b:u32,Ja:u32}
fn dJ(E:cF,Sa:u32,y:aO){dK(E,vec2u(Sa,0u),vec2u(y.t.x,y.q.x));dK(E,vec2u(Sa,1u),vec2u(y.t.y,y.q.y));dK(E,vec2u(Sa,2u),vec2u(y.t.z,y.q.z));dK(E,vec2u(Sa,3u),vec2u(y.t.w,y.q.w));}
fn dK(E:cF,a:vec2u,g:vec2u){let X=E.a+a.x;let Y=E.b+a.y;if E.Ia+Y>=p.j||E.Ha+X>=E.Ia+Y{return;}dG(E.Ja+3u*(X*p.P+Y),g.x,g.y);}
`,
  sum_rows: `${columns}struct aA{j:u32,e:u32,m:u32,Q:u32,Ka:u32,La:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=aH(a,b,c);if 4u*Ha>=p.e{return;}var z=vec4u();if p.La==1u{for(var e=0u;e<p.j;e++){z+=x[starts[e]/4u+Ha];}}let Ea=a.z*p.Ka;for(var Sa=Ea;Sa<min(p.Q,Ea+p.Ka);Sa++){var g=z*aC[4u*Sa];var Ra=aC[4u*Sa+1u];let f=aC[4u*Sa+2u];let r=aC[4u*Sa+3u];for(;Ra<f;Ra++){g+=x[starts[aC[Ra]]/4u+Ha];}for(;Ra<r;Ra++){g-=x[starts[aC[Ra]]/4u+Ha];}aD[Sa*(p.m/4u)+Ha]=g;}}
`,
  widen: `struct aA{begin:u32,Ma:u32,Na:u32}
@group(0)@binding(0)var<storage,read>dL:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(j:u32)->u32{let f=(j&0x8000u)<<16u;let m=j&0x7fffu;if m>=0x7c00u{return f|0x7f800000u|(m<<13u);}if m>=0x0400u{return f|((m<<13u)+(112u<<23u));}if m==0u{return f;}let Ea=firstLeadingBit(m);return f|((Ea+103u)<<23u)|((m<<(23u-Ea))&0x007fffffu);}
fn dM(q:u32)->vec2u{if p.Na==1u{return vec2u(q<<16u,q&0xffff0000u);}return vec2u(widened(q&0xffffu),widened(q>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32){let Ha=(a.y*b.x+a.x)*WG_SIZE+c;if Ha>=p.Ma{return;}let Ga=dL[Ha];aD[p.begin+Ha]=vec4u(dM(Ga.x),dM(Ga.y));}
`,
};
