/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const bK:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cC:u32=0x7f800000u;
const bE:u32=0x7fc00000u;
const aV:i32= -100000;
fn aY(a:u32)->bool{return(a&cC)!=cC;}
fn cX(a:u32)->bool{return(a&MAGNITUDE)>cC;}
fn aZ(a:u32)->i32{let b=a&MAGNITUDE;if b==0u{return aV;}let c=i32(b>>23u);if c>0{return c-127;}return i32(firstLeadingBit(b))-149;}
fn bB(a:u32,b:i32)->f32{let c=a&MAGNITUDE;var e=i32(c>>23u);var f=c&0x007fffffu;if e==0{if c==0u{return 0.0;}let g=23u-firstLeadingBit(c);f=(c<<g)&0x007fffffu;e=1-i32(g);}e+=b;if e<=0{return 0.0;}return bitcast<f32>((a&bK)|(u32(min(e,254))<<23u)|f);}
fn power(aZ:i32)->f32{return bitcast<f32>(u32(max(aZ,-127)+127)<<23u);}
fn aS(a:f32,b:i32)->u32{let c=bitcast<u32>(a);let e=c&bK;let f=c&MAGNITUDE;if f<0x00800000u{return e;}let g=i32(f>>23u)+b;let i=f&0x007fffffu;if g>=255{return e|cC;}if g>0{return e|(u32(g)<<23u)|i;}let bX=1-g;if bX>24{return e;}let j=i|0x00800000u;let m=j>>u32(bX);let n=j&((1u<<u32(bX))-1u);let o=1u<<u32(bX-1);let q=n>o||(n==o&&(m&1u)==1u);return e|(m+u32(q));}
const dM:u32=0x007fffffu;
const dN:u32=0xff000001u;
fn key_of(a:u32)->u32{let b=bitcast<u32>(bitcast<i32>(a)>>31u);return(a^(b|bK))-dM;}
fn finite_word(a:u32)->u32{let flipped=a+dM;let b=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~b|bK);}
fn word_of(a:u32)->u32{return select(finite_word(a),bE,a>dN);}
`;

const chacha20 = `struct aI{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn dO(a:vec4u,b:u32)->vec4u{return(a<<vec4u(b))|(a>>vec4u(32u-b));}
fn dP(aJ:aI)->aI{var a=aJ;a.a+=a.b;a.d=dO(a.d^a.a,16u);a.i+=a.d;a.b=dO(a.b^a.i,12u);a.a+=a.b;a.d=dO(a.d^a.a,8u);a.i+=a.d;a.b=dO(a.b^a.i,7u);return a;}
fn aH(aJ:aI)->aI{var a=aJ;for(var b=0u;b<20u;b+=2u){a=dP(a);a=dP(aI(a.a,a.b.yzwx,a.i.zwxy,a.d.wxyz));a=aI(a.a,a.b.wxyz,a.i.zwxy,a.d.yzwx);}return aI(a.a+aJ.a,a.b+aJ.b,a.i+aJ.i,a.d+aJ.d);}
`;

const columns = `override WG_SIZE:u32=64;
fn aG(a:vec3u,b:vec3u,c:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+c;}
`;

const distance = `const bH:u32=0xffffffffu;
const dQ:u32=0x0c800000u;
const dR:u32=0x7e800000u;
fn is_tame(a:u32)->bool{let b=a&MAGNITUDE;return b==0u||(b>=dQ&&b<dR);}
fn tame_distance_word(a:u32,b:u32)->u32{return bitcast<u32>(bitcast<f32>(a)-bitcast<f32>(b))&MAGNITUDE;}
fn bI(a:u32,b:u32)->u32{if a==b&& !cX(a){return 0u;}if!aY(a)|| !aY(b){return bH;}let c=max(aZ(a),aZ(b));let e=bitcast<u32>(bB(a,-c)-bB(b,-c))&MAGNITUDE;if e==0u{return 0u;}return e+(bitcast<u32>(c+23)<<23u);}
fn bL(a:u32,b:u32,c:bool)->u32{if c{return tame_distance_word(a,b);}return bI(a,b);}
`;

const kept = `const dS:i32= -80;
struct dT{least:u32,Qa:u32,top:i32,sum:aX}
fn nothing_kept()->dT{return dT(0xffffffffu,0u,dS,aX(0.0,0.0));}
fn dU(a:u32)->i32{return clamp(i32((finite_word(a)>>23u)&0xffu)-127,dS,126);}
fn widened(kept:dT,a:u32,b:u32)->dT{let c=max(kept.top,max(dU(a),dU(b)));let bX=power(kept.top-c);let e=aX(kept.sum.A*bX,kept.sum.B*bX);return dT(min(kept.least,a),max(kept.Qa,b),c,e);}
fn value_of(a:u32,b:f32)->f32{return scaled_by(bitcast<f32>(finite_word(a)),b,p.zero);}
fn kept_word(kept:dT,a:u32,b:u32,c:u32)->u32{if kept.least==kept.Qa{return word_of(kept.least);}if kept.top==dS{return cE(a,kept.least,kept.Qa,b,c);}var e=aW(kept.sum,0u);dV(word_of(kept.least),&e);dV(word_of(kept.Qa),&e);return bC(e,f32(c-b),kept.top,p.zero);}
fn cE(a:u32,b:u32,c:u32,e:u32,f:u32)->u32{if b==c{return word_of(b);}var g=aV;var i=aW(aX(0.0,0.0),0u);bJ(word_of(b),&g,&i);bJ(word_of(c),&g,&i);if i.D==0u{var j=0u;var m=0u;for(var n=0u;n<p.n;n++){let o=x[starts[n]+a];let q=key_of(o);j+=u32(q<=b);m+=u32(q<c);if q<=b||q>=c{continue;}i.sum=add(i.sum,bB(o,-g),p.zero);}let r=f32(j-e)*bB(word_of(b),-g);let t=f32(f-m)*bB(word_of(c),-g);i.sum=add(add(i.sum,r,p.zero),t,p.zero);}return bC(i,f32(f-e),g,p.zero);}
`;

const sum = `override compensated:bool=true;
struct aX{A:f32,B:f32}
fn bF(a:f32,b:u32)->f32{return bitcast<f32>(bitcast<u32>(a)^b);}
fn scaled_by(a:f32,b:f32,c:u32)->f32{return bF(a*b,c);}
fn dW(a:f32,b:f32,c:u32)->aX{let e=bF(a+b,c);if!compensated{return aX(e,0.0);}let f=bF(e-a,c);let g=bF(e-f,c);return aX(e,(a-g)+(b-f));}
fn add(a:aX,b:f32,c:u32)->aX{let e=dW(a.A,b,c);return aX(e.A,a.B+e.B);}
fn bP(a:aX,b:aX,c:u32)->aX{let e=dW(a.A,b.A,c);return aX(e.A,e.B+(a.B+b.B));}
struct aW{sum:aX,D:u32}
const dX:u32=1u;
const dY:u32=2u;
const dZ:u32=4u;
fn bA(a:u32,b:u32)->u32{if cX(a){return dZ;}return select(dX,dY,((a^b)&bK)!=0u);}
fn dV(a:u32,b:ptr<function,aW>){if!aY(a){(*b).D|=bA(a,0u);}}
fn bJ(a:u32,b:ptr<function,i32>,c:ptr<function,aW>){if aY(a){*b=max(*b,aZ(a));}dV(a,c);}
fn eA(a:aX,b:f32,c:u32)->f32{let e=bF((a.A+a.B)/b,c);let f=bitcast<f32>(bitcast<u32>(e)&0xfffff000u);let g=bF(e-f,c);let i=bF(bF(a.A-f*b,c)-g*b,c);return e+(i+a.B)/b;}
fn bC(a:aW,b:f32,c:i32,e:u32)->u32{switch a.D{case 0u:{return aS(eA(a.sum,b,e),c);}case dX:{return cC;}case dY:{return cC|bK;}default:{return bE;}}}
`;

const sums = `struct aR{A:vec4f,B:vec4f,C:vec4f}
fn eB(a:vec4f,b:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(a)^vec4u(b));}
fn bD(a:aR,b:vec4f,c:u32)->aR{let e=max(a.C,abs(b));let f=eB(a.A+b,c);if!compensated{return aR(f,a.B,e);}let g=eB(f-a.A,c);let i=eB(f-g,c);return aR(f,a.B+((a.A-i)+(b-g)),e);}
`;

const triangle = `fn bO(a:u32,b:u32)->vec2u{var c=0u;var e=a;while e>=b-c{e-=b-c;c++;}return vec2u(c,c+e);}
`;

const words = `const bK:u32=0x80000000u;
fn flipped(a:u32)->u32{return a^bK;}
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
@compute@workgroup_size(WG_SIZE)fn add_lattice_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if 4u*e>=p.e{return;}let f=p.f+e;var g=x[starts[0]/4u+e];for(var i=0u;i<p.c;i++){let j=aC[aE+i];let m=aC[3]+vec4u(f,0u,0u,i);let n=aH(aI(aC[0],aC[1],aC[2],m));g+=j.w*vec4u(aF(n.a,j),aF(n.b,j),aF(n.i,j),aF(n.d,j),);}aD[e]=g;}
`,
  add_simulated_noise: `${columns}${chacha20}struct aA{j:u32,e:u32,m:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aJ:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const aK=vec4u(0x3f3504f3u);
fn aL(a:vec4u)->vec4f{let b=bitcast<vec4u>(vec4f((a>>vec4u(8u))+1u))-aK;let c=bitcast<vec4f>((b&vec4u(0x7fffffu))+aK);let e=(c-1.0)/(c+1.0);let f=e*e;let g=e*(2.0+f*(2.0/3.0+f*(2.0/5.0+f*(2.0/7.0+f*(2.0/9.0)))));return(24.0-vec4f(b>>vec4u(23u)))*0.69314718-g;}
fn aM(a:vec4u)->vec4f{let b=abs(vec4f(a>>vec4u(8u))*0x1p-22-2.0)-1.0;let c=b*b;let e= -4.6817541e-3+c*(1.6044118e-4-c*3.5988432e-6);return b*(1.5707964+c*(-0.6459641+c*(0.079692626+c*e)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if 4u*e>=p.e{return;}let f=vec4u(p.f+e,0u,0u,0u);let g=aH(aI(aJ[0],aJ[1],aJ[2],aJ[3]+f));let i=aL(vec4u(g.a.x,g.b.x,g.i.x,g.d.x));let j=vec4u(g.a.y,g.b.y,g.i.y,g.d.y);var aF=sqrt(2.0*i)*aM(j);if p.j==1u{aF=select(i,-i,j>=vec4u(0x80000000u));}aD[e]=x[starts[0]/4u+e]+bitcast<f32>(p.m)*aF;}
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
fn write(a:aR,b:vec4u,c:vec2u,e:aQ,f:u32)->u32{let g=e.t+f;if g>=p.q{return 0u;}let i=bitcast<i32>(c.x);let j=a.A+a.B;aD[(g*p.o+e.col)/4u]=vec4u(aS(j.x,i),aS(j.y,i),aS(j.z,i),aS(j.w,i),);let m=(a.C>=vec4f(bitcast<f32>(c.y)))&(b<vec4u(aP));let n= !(m|(b==vec4u(0u)));return dot(vec4u(n),vec4u(1u,2u,4u,8u))<<(4u*f);}
fn aT(a:u32,b:u32)->u32{let c=starts[a]+b;return x[c/4u][c%4u];}
fn aU(a:u32,b:u32)->u32{let c=a*p.n;var e=aV;var f=aW(aX(0.0,0.0),0u);for(var g=0u;g<p.n;g++){let i=aO[c+g];if i.x==0u{continue;}let j=aT(g,b);if aY(j){e=max(e,aZ(j)+bitcast<i32>(i.y));}else{f.D|=bA(j,i.x);}}for(var g=0u;g<p.n&&f.D==0u;g++){let i=aO[c+g];if i.x==0u{continue;}let m=bB(aT(g,b),bitcast<i32>(i.y)-e);f.sum=add(f.sum,bitcast<f32>(i.x)*m,p.zero);}return bC(f,1.0,e,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aQ(a.z*OUTPUTS,4u*aG(a,b,c));if e.col>=p.e{return;}let f=a.z*(p.n+2u);var g=vec4u(0u);var i=aR(vec4f(0.0),vec4f(0.0),vec4f(0.0));var j=i;var m=i;var n=i;for(var o=0u;o<p.n;o++){let q=aN[f+2u+o];if all(q==vec4u(0u)){continue;}let r=x[(starts[o]+e.col)/4u];g=max(g,r&vec4u(MAGNITUDE));let t=bitcast<vec4f>(r);let y=bitcast<vec4f>(q);i=bD(i,y.x*t,p.zero);if OUTPUTS>1u{j=bD(j,y.y*t,p.zero);}if OUTPUTS>2u{m=bD(m,y.z*t,p.zero);}if OUTPUTS>3u{n=bD(n,y.w*t,p.zero);}}let z=aN[f];let A=aN[f+1u];var B=write(i,g,vec2u(z.x,A.x),e,0u);if OUTPUTS>1u{B|=write(j,g,vec2u(z.y,A.y),e,1u);}if OUTPUTS>2u{B|=write(m,g,vec2u(z.z,A.z),e,2u);}if OUTPUTS>3u{B|=write(n,g,vec2u(z.w,A.w),e,3u);}for(;B>0u;B&=B-1u){let C=firstTrailingBit(B);let D=e.t+C/4u;let E=e.col+C%4u;if E>=p.e{continue;}aD[(D*p.o+E)/4u][E%4u]=aU(D,E);}}
`,
  deviation: `${bits}${sum}${columns}struct aA{n:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if e>=p.e{return;}var f=aV;for(var g=0u;g<p.n;g++){let i=x[starts[g]+e];if!aY(i){aD[e]=bE;return;}f=max(f,aZ(i));}var j=aX(0.0,0.0);for(var g=0u;g<p.n;g++){j=add(j,bB(x[starts[g]+e],-f),p.zero);}let m=bF((j.A+j.B)/f32(p.n),p.zero);var n=aX(0.0,0.0);var o=aX(0.0,0.0);for(var g=0u;g<p.n;g++){let q=bF(bB(x[starts[g]+e],-f)-m,p.zero);n=add(n,q*q,p.zero);o=add(o,q,p.zero);}let r=o.A+o.B;let t=max(0.0,n.A+n.B-r*r/f32(p.n));aD[e]=aS(sqrt(t/f32(p.n-1u)),f);}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bG:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}let center=bG[col];#slot sort
if tame{var far=bH;var left=p.E;var largest=0u;var bits=0u;var total=aW(aX(0.0,0.0),0u);#slot tame
aD[col]=select(bC(total,f32(p.E),top,p.zero),bits,p.E==1u);return;}#slot list
for(var c=0u;c<p.n;c++){away[c]=bI(words[c],center);}var far=bH;for(var c=0u;c+p.E<=p.n;c++){far=min(far,max(away[c],away[c+p.E-1u]));}var left=p.E;for(var c=0u;c<p.n;c++){left-=u32(away[c]<far);}var e=0u;for(var c=0u;c<p.n;c++){if away[c]>far||(away[c]==far&&left==0u){continue;}left-=u32(away[c]==far);words[e]=words[c];e++;}if p.E==1u{aD[col]=word_of(key_of(words[0]));return;}var top=aV;var total=aW(aX(0.0,0.0),0u);for(var c=0u;c<p.E;c++){bJ(words[c],&top,&total);}for(var c=0u;c<p.E&&total.D==0u;c++){total.sum=add(total.sum,bB(words[c],-top),p.zero);}aD[col]=bC(total,f32(p.E),top,p.zero);}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct aA{n:u32,e:u32,E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bG:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<u32>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if e>=p.e{return;}let f=bG[e];var g=is_tame(f);for(var i=0u;i<p.n&&g;i++){g=is_tame(x[starts[i]+e]);}var j=0u;for(var m=bK;m>0u;m>>=1u){var n=0u;for(var i=0u;i<p.n;i++){n+=u32(bL(x[starts[i]+e],f,g)<(j|m));}if n<p.E{j|=m;}}var o=0u;for(var i=0u;i<p.n;i++){o+=u32(bL(x[starts[i]+e],f,g)<j);}let q=p.E-o-1u;var r=0u;for(var m=bK;m>0u;m>>=1u){var n=0u;for(var i=0u;i<p.n;i++){let t=x[starts[i]+e];let y=bL(t,f,g)==j;n+=u32(y&&key_of(t)<(r|m));}if n<=q{r|=m;}}if p.E==1u{aD[e]=word_of(r);return;}var z=aV;var A=0u;var B=aW(aX(0.0,0.0),0u);for(var i=0u;i<p.n;i++){let t=x[starts[i]+e];let C=bL(t,f,g);let D=key_of(t);if C>j||(C==j&&D>r){continue;}A+=u32(C==j&&D<r);bJ(t,&z,&B);}if B.D==0u{for(var i=0u;i<p.n;i++){let t=x[starts[i]+e];let C=bL(t,f,g);if C<j||(C==j&&key_of(t)<r){B.sum=add(B.sum,bB(t,-z),p.zero);}}let E=f32(p.E-o-A);B.sum=add(B.sum,E*bB(word_of(r),-z),p.zero);}aD[e]=bC(B,f32(p.E),z,p.zero);}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{F:u32,G:u32,H:u32,I:u32,J:u32,K:u32,L:u32,M:u32,N:u32,O:u32,zero:u32,}
@group(0)@binding(0)var<storage,read>bM:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bN:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)b:u32,){let c=a.y*WG_SIZE+b;let e=a.x;let f=bO(p.H+e,p.I);let g=f.x==f.y;let i=select(p.K,p.J,g);let j=select(p.M,p.L,g);if c>=16u*i{return;}let m=a.z*p.O;let n=min(p.N,m+p.O);var o=aX(0.0,0.0);var q=aX(0.0,0.0);for(var r=m;r<n;r++){let t=(r*p.F+e)*bN+(c/i)*256u+c%i;for(var y=0u;y<j;y++){let z=bM[t+y*i];o=bP(o,aX(z.x,z.y),p.zero);q=bP(q,aX(z.z,z.w),p.zero);}}aD[(a.z*p.F+e)*p.G+c]=vec4f(o.A,o.B,q.A,q.B);}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const bQ:i32=100000;
const WG_SIZE:u32=256;
const bR:u32=8;
const RUNS:u32=4;
struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32,zero:u32,}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>bS:array<i32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
var<workgroup>bT:array<vec4f,1024>;
const bU:u32=512;
struct bV{A:vec4f,B:vec4f}
fn bW(a:vec4i)->vec4f{return bitcast<vec4f>(vec4u(max(a+vec4i(127),vec4i(0)))<<vec4u(23u));}
fn bX(a:i32,b:vec4i)->vec4f{return bW(vec4i(a)-max(vec4i(a),b));}
fn bY(a:u32,b:u32)->vec4i{let c=vec4u(a)+min(vec4u(b)+vec4u(0u,1u,2u,3u),vec4u(p.n-1u));return vec4i(bS[c.x],bS[c.y],bS[c.z],bS[c.w]);}
fn bZ(a:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(a)^vec4u(p.zero));}
fn cA(a:vec4f,b:vec4f)->bV{let c=bZ(a+b);if!compensated{return bV(c,vec4f(0.0));}return bV(c,b-bZ(c-a));}
fn cB(a:vec4u,b:f32,c:f32)->vec4f{let e=a&vec4u(cC);let f=select(a,vec4u(0u),e==vec4u(cC));let g=vec4f(f&vec4u(0x007fffffu))*c;let i=bitcast<vec4f>(bitcast<vec4u>(g)|(f&vec4u(bK)));return select(bitcast<vec4f>(f)*b,i,e==vec4u(0u));}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=p.H+a.x;let f=bO(e,p.I);let g=f.x;let i=f.y;let j=g==i;let m=p.I*(p.I+1u)/2u;let n=p.V+a.y;let o=n/p.O;let q=o*p.P+(n%p.O)*p.Q;let r=min(p.e,min((o+1u)*p.P,q+p.Q));let t=o*(p.n+m);let y=bS[t+p.n+e];if general!=(y==bQ){return;}let z=select(p.M,p.L,j);let A=select(p.U,p.T,j);let B=select(p.S*p.S,p.S*(p.S+1u)/2u,j);let C=c/B;let D=c%B;var E=vec2u(D/p.S,D%p.S);if j{E=bO(D,p.S);}let F=E.x;let G=E.y;let H=select(bU,0u,j);let I= !j&&c>=WG_SIZE/2u;let J=select(c%(WG_SIZE/2u),c,j);let K=J%p.S;let L=4u*(J/p.S);let M=select(g,i,I)*p.R+4u*K;let N=select(0u,bU,I)+L*p.S+K;let O=p.n-1u;let P=vec4u(M)+vec4u(0u,1u,2u,3u);let Q=P<vec4u(p.n);let R=min(P,vec4u(p.n-1u));let S=vec4u(starts[R.x],starts[R.y],starts[R.z],starts[R.w]);var T=vec4i(-y);if general{T= -bY(t,M);}let U=bW(T);let V=bW(T-vec4i(149));var W=mat4x4f();var X=mat4x4f();if general{let Y=bY(t,g*p.R+4u*F);let Z=bY(t,i*p.R+4u*G);W=mat4x4f(bX(Y.x,Z),bX(Y.y,Z),bX(Y.z,Z),bX(Y.w,Z));X=transpose(mat4x4f(bX(Z.x,Y),bX(Z.y,Y),bX(Z.z,Y),bX(Z.w,Y)));}var Aa=mat4x4f();var Ba=mat4x4f();var Ca=mat4x4f();var Da=mat4x4f();var Ea=0u;for(var Fa=q;Fa<r;Fa+=A){let Ga=Fa+L;if L<A{var Ha=mat4x4f();if Ga<r{let Ia=(S+vec4u(Ga))/vec4u(4u);let Ja=x[Ia.x];let Ka=x[Ia.y];let La=x[Ia.z];let Ma=x[Ia.w];let Na=vec4u(Ga)+vec4u(0u,1u,2u,3u)<vec4u(r);Ha[0]=cB(select(vec4u(0u),Ja,Na&vec4<bool>(Q.x)),U.x,V.x,);Ha[1]=cB(select(vec4u(0u),Ka,Na&vec4<bool>(Q.y)),U.y,V.y,);Ha[2]=cB(select(vec4u(0u),La,Na&vec4<bool>(Q.z)),U.z,V.z,);Ha[3]=cB(select(vec4u(0u),Ma,Na&vec4<bool>(Q.w)),U.w,V.w,);}let Oa=transpose(Ha);bT[N]=Oa[0];bT[N+p.S]=Oa[1];bT[N+2u*p.S]=Oa[2];bT[N+3u*p.S]=Oa[3];}workgroupBarrier();let Pa=min(A,r-Fa);if C<z{for(var Qa=C;Qa<Pa;Qa+=bR*z){var Ra=mat4x4f();var Sa=mat4x4f();var Ta=Qa*p.S;for(var Ua=0u;Ua<bR;Ua++){let Y=bT[Ta+F];let Z=bT[H+Ta+G];Ta+=z*p.S;Ra[0]=fma(vec4f(Y.x),Z,Ra[0]);Ra[1]=fma(vec4f(Y.y),Z,Ra[1]);Ra[2]=fma(vec4f(Y.z),Z,Ra[2]);Ra[3]=fma(vec4f(Y.w),Z,Ra[3]);var Va=Y.x-Z;var Wa=Y.y-Z;var Xa=Y.z-Z;var Ya=Y.w-Z;if general{Va=Y.x*W[0]-Z*X[0];Wa=Y.y*W[1]-Z*X[1];Xa=Y.z*W[2]-Z*X[2];Ya=Y.w*W[3]-Z*X[3];}Sa[0]=fma(Va,Va,Sa[0]);Sa[1]=fma(Wa,Wa,Sa[1]);Sa[2]=fma(Xa,Xa,Sa[2]);Sa[3]=fma(Ya,Ya,Sa[3]);}Ba+=Ra;Da+=Sa;Ea++;if Ea%RUNS==0u{cD(&Aa,&Ba);cD(&Ca,&Da);}}}workgroupBarrier();}if C>=z{return;}cD(&Aa,&Ba);cD(&Ca,&Da);let Za=(a.y*b.x+a.x)*16u*WG_SIZE+c;write(Za,Aa[0],Ba[0],Ca[0],Da[0]);write(Za+4u*WG_SIZE,Aa[1],Ba[1],Ca[1],Da[1]);write(Za+8u*WG_SIZE,Aa[2],Ba[2],Ca[2],Da[2]);write(Za+12u*WG_SIZE,Aa[3],Ba[3],Ca[3],Da[3]);}
fn write(a:u32,b:vec4f,c:vec4f,e:vec4f,f:vec4f){let g=transpose(mat4x4f(b,c,e,f));aD[a]=g[0];aD[a+WG_SIZE]=g[1];aD[a+2u*WG_SIZE]=g[2];aD[a+3u*WG_SIZE]=g[3];}
fn cD(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let c=cA((*a)[0],(*b)[0]);let e=cA((*a)[1],(*b)[1]);let f=cA((*a)[2],(*b)[2]);let g=cA((*a)[3],(*b)[3]);*a=mat4x4f(c.A,e.A,f.A,g.A);*b=mat4x4f(c.B,e.B,f.B,g.B);}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_mean_search: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if e>=p.e{return;}var f=0u;var g=0u;for(var i=bK;i>0u;i>>=1u){var j=0u;var m=0u;for(var n=0u;n<p.n;n++){let o=key_of(x[starts[n]+e]);j+=u32(o<(f|i));m+=u32(o<(g|i));}if j<=p.begin{f|=i;}if m<=p.end-1u{g|=i;}}aD[e]=cE(e,f,g,p.begin,p.end);}
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
struct cF{run:i32,W:u32,X:u32}
struct cG{at:u32,Y:bool,Z:u32,Aa:bool}
fn facing(a:cF,b:i32)->cG{let c=i32(RUNS/2u);let e=b-a.run;let f=e<0||e>=c;let g=(a.W+u32(clamp(e,0,c-1)))*WG_SIZE+a.X;let i=select(0u,DROPPED,e>=c);return cG(g,f,i,!f&&a.W>0u);}
fn met(a:cG,b:u32)->u32{return select(b,a.Z,a.Y);}
fn is_lower(a:u32,b:cG,c:u32)->bool{let met=met(b,c);return a<met||(a==met&&b.Aa);}
fn kept_value(a:u32,b:f32)->f32{return select(value_of(a,b),0.0,a==DROPPED);}
fn key_at(a:u32,b:u32)->u32{if a>=p.n{return DROPPED;}return min(key_of(x[starts[a]+b]),DROPPED-1u);}
@compute@workgroup_size(WG_SIZE,RUNS)fn rank_mean_split(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_id)c:vec3u,@builtin(local_invocation_index)local:u32,){let e=aG(a,b,c.x);let col=min(e,p.e-1u);let run=c.y;#slot load
for(var f=1u;f<RUNS/2u;f*=2u){{let g=run^(2u*f-1u);let partner=g*WG_SIZE+c.x;let lower=run<g;#slot end_to_end
}for(var i=f/2u;i>0u;i/=2u){let g=run^i;let partner=g*WG_SIZE+c.x;let lower=run<g;#slot side_by_side
}{#slot merge
}}let j=RUNS/2u;let place=cF(i32(run%j),select(j,0u,run>=j),c.x);var least=DROPPED;var above=0u;#slot select
workgroupBarrier();sh_keys[local]=least;sh_keys[WG_SIZE*RUNS+local]=above;workgroupBarrier();for(var g=c.x;g<WG_SIZE*RUNS;g+=WG_SIZE){least=min(least,sh_keys[g]);above=max(above,sh_keys[WG_SIZE*RUNS+g]);}if p.end-p.begin==1u{least=above-1u;}var kept=widened(nothing_kept(),least,above-1u);#slot add
workgroupBarrier();sh_keys[local]=bitcast<u32>(kept.sum.A);sh_keys[WG_SIZE*RUNS+local]=bitcast<u32>(kept.sum.B);workgroupBarrier();if run>0u||e>=p.e{return;}for(var g=c.x+WG_SIZE;g<WG_SIZE*RUNS;g+=WG_SIZE){let m=bitcast<f32>(sh_keys[g]);let n=bitcast<f32>(sh_keys[WG_SIZE*RUNS+g]);kept.sum=bP(kept.sum,aX(m,n),p.zero);}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct aA{n:u32,e:u32,begin:u32,end:u32,Ba:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_mean_stream(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}var kept=nothing_kept();var row=p.begin+p.n-p.end;#slot fill
for(;row+p.Ba<=p.n;row+=p.Ba){#slot step
}for(;row<p.n;row++){#slot insert
}aD[col]=kept_word(kept,col,p.begin,p.end);}
`,
  rank_sum: `${columns}${words}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}#slot sort
aD[col]=word;}
`,
  rank_sum_search: `${columns}${words}struct aA{n:u32,e:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if e>=p.e{return;}var f=0u;var g=0u;for(var i=bK;i>0u;i>>=1u){var j=0u;var m=0u;for(var n=0u;n<p.n;n++){let o=flipped(x[starts[n]+e]);j+=u32(o<(f|i));m+=u32(o<(g|i));}if j<=p.begin{f|=i;}if m<=p.end-1u{g|=i;}}var q=0u;var r=0u;var m=0u;for(var n=0u;n<p.n;n++){let t=x[starts[n]+e];let o=flipped(t);q+=select(0u,t,o>f&&o<g);r+=u32(o>f);m+=u32(o<g);}let y=p.n-p.begin-r;let z=p.end-m;let A=y*flipped(f)+z*flipped(g);aD[e]=select(q+A,(p.end-p.begin)*flipped(f),f==g);}
`,
  screen: `${bits}${sum}struct aA{n:u32,e:u32,P:u32,Ca:u32,f:u32,zero:u32}
struct cH{Da:u32,Ea:i32,A:f32,B:f32,Fa:vec2u,}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<cH>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const cI:u32=4;
const cJ:i32=30;
const cK:i32=126;
const cL:u32=32u<<23u;
struct cM{Da:u32,largest:u32,Ga:u32,Ha:i32,sum:aX,Fa:vec2u,}
var<workgroup>cN:array<vec4u,WG_SIZE>;
var<workgroup>cO:array<vec2u,WG_SIZE>;
fn cP(a:vec4u)->vec4u{var b=a;b=(b^(b>>vec4u(16u)))*0x85ebca6bu;b=(b^(b>>vec4u(13u)))*0xc2b2ae35u;return b^(b>>vec4u(16u));}
fn cQ(a:vec4u)->u32{return(a.x+a.y)+(a.z+a.w);}
fn cR(a:i32)->i32{return min(cJ-a,cK);}
fn cS(a:cM,b:vec4u,c:vec4u,e:vec4u)->cM{var f=a;let g=b^(b>>vec4u(15u));f.Fa+=vec2u(cQ(g*c),cQ(g*e));let i=b&vec4u(MAGNITUDE);let j=i<vec4u(cC);f.Da+=cQ(select(vec4u(1u),vec4u(0u),j));let kept=select(vec4u(0u),i,j);let m=max(max(kept.x,kept.y),max(kept.z,kept.w));f.largest=max(f.largest,m);if m>=f.Ga{let n=cR(aZ(m));let o=power(2*(n-f.Ha));f.sum=aX(f.sum.A*o,f.sum.B*o);f.Ha=n;f.Ga=((m>>23u)+1u)<<23u;}let q=kept<vec4u(0x00800000u);let r=vec4f(kept)*power(f.Ha-149);let t=select(bitcast<vec4f>(kept)*power(f.Ha),r,q);let y=t*t;f.sum=add(f.sum,(y.x+y.y)+(y.z+y.w),p.zero);return f;}
fn cT(a:u32,b:u32,c:u32)->vec4u{let e=x[(a+b)/4u];if b+4u<=c{return e;}return select(vec4u(0u),e,vec4u(b)+vec4u(0u,1u,2u,3u)<vec4u(c));}
fn cU(a:cH,b:cH)->cH{let c=max(a.Ea,b.Ea);let e=power(2*(cR(c)-cR(a.Ea)));let f=power(2*(cR(c)-cR(b.Ea)));let g=bP(aX(a.A*e,a.B*e),aX(b.A*f,b.B*f),p.zero,);return cH(a.Da+b.Da,c,g.A,g.B,a.Fa+b.Fa);}
fn cV(a:u32,b:cH){cN[a]=vec4u(b.Da,bitcast<u32>(b.Ea),bitcast<u32>(b.A),bitcast<u32>(b.B),);cO[a]=b.Fa;}
fn kept(a:u32)->cH{let b=cN[a];return cH(b.x,bitcast<i32>(b.y),bitcast<f32>(b.z),bitcast<f32>(b.w),cO[a],);}
fn cW(a:cM,b:u32,c:u32,e:u32){var f=cH(a.Da,aZ(a.largest),a.sum.A,a.sum.B,a.Fa,);workgroupBarrier();cV(e,f);for(var g=WG_SIZE/2u;g>0u;g/=2u){workgroupBarrier();if e<g{f=cU(f,kept(e+g));cV(e,f);}}if e==0u{aD[c*p.n+b]=f;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)b:u32,){let c=p.f+a.y;let e=c*p.P;let f=min(p.e,e+p.P);let g=a.x*cI;let i=p.n-1u;let j=starts[g];let m=starts[min(g+1u,i)];let n=starts[min(g+2u,i)];let o=starts[min(g+3u,i)];let q=cM(0u,0u,cL,cK,aX(0.0,0.0),vec2u(0u,0u));var r=q;var t=q;var y=q;var z=q;for(var A=e+4u*b;A<f;A+=4u*WG_SIZE){var B=cT(j,A,f);var C=cT(m,A,f);var D=cT(n,A,f);var E=cT(o,A,f);let F=vec4u(p.Ca+A)+vec4u(0u,1u,2u,3u);let G=cP(F*0x9e3779b1u)|vec4u(1u);let H=cP(F*0x85ebca77u)|vec4u(1u);for(var I=0u;I<cI;I++){let J=cS(r,B,G,H);r=t;t=y;y=z;z=J;B=C;C=D;D=E;}}for(var I=0u;I<min(cI,p.n-g);I++){cW(r,g+I,c,b);r=t;t=y;y=z;}}
`,
  self_test: `${bits}${sum}struct aA{E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var a=0u;a<p.E;a++){let b=x[a];let c=8u*a;aD[c]=u32(aY(b))|(u32(cX(b))<<1u);aD[c+1u]=key_of(b);aD[c+2u]=word_of(key_of(b));if aY(b){aD[c+3u]=bitcast<u32>(aZ(b));let e=bB(b,-aZ(b));aD[c+4u]=bitcast<u32>(e);aD[c+5u]=aS(e,aZ(b));let f=add(add(aX(33554432.0,0.0),e,p.zero),-33554432.0,p.zero);aD[c+6u]=bitcast<u32>(f.A+f.B);}}}
`,
  sign_sum: `${bits}${columns}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=4u*aG(a,b,c);if e>=p.e{return;}var f=vec4i(0);for(var g=0u;g<p.n;g++){let i=x[(starts[g]+e)/4u];let j=i&vec4u(MAGNITUDE);let m=(bitcast<vec4i>(i)>>vec4u(31u))|vec4i(1);let n=(j>vec4u(0u))&(j<=vec4u(cC));f+=select(vec4i(0),m,n);}aD[e/4u]=bitcast<vec4u>(vec4f(f));}
`,
  squared_distances: `${triangle}struct aA{n:u32,e:u32,P:u32,Q:u32,O:u32,I:u32,R:u32,S:u32,L:u32,M:u32,T:u32,U:u32,V:u32,H:u32,}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:aA;
const WG_SIZE:u32=256;
const bR:u32=8;
const RUNS:u32=3;
const cY:u32=0x01ffffffu;
const cZ:u32=1u;
const dA:u32=2u;
var<workgroup>bT:array<vec4i,1024>;
const bU:u32=512;
struct dB{A:vec4u,Ia:vec4i,B:vec4u}
struct aR{B:vec4u,A:vec4u}
fn dC(a:dB,b:vec4i)->dB{let c=b>>vec4u(13u);let e=b&vec4i(0x1fff);return dB(a.A+vec4u(c*c),a.Ia+c*e,a.B+vec4u(e*e),);}
fn dD(a:aR,b:vec4u,c:vec4u)->aR{let e=a.B+b;return aR(e,a.A+c+vec4u(e<b));}
fn dE(a:aR,b:dB)->aR{let c=dD(a,b.A<<vec4u(26u),b.A>>vec4u(6u));let e=bitcast<vec4u>(b.Ia<<vec4u(14u));let f=dD(c,e,bitcast<vec4u>(b.Ia>>vec4u(18u)));return dD(f,b.B,vec4u(0u));}
fn dF(a:vec4u)->vec4<bool>{return a+vec4u(cY)>vec4u(2u*cY);}
fn dG(a:u32,b:u32,c:u32){let e=atomicAdd(&aD[a],b)+b;let f=c+u32(e<b);if atomicAdd(&aD[a+1u],f)+f<f{atomicOr(&aD[a+2u],cZ);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=bO(p.H+a.x,p.I);let f=e.x;let g=e.y;let i=f==g;let j=p.V+a.y;let m=j/p.O;let n=m*p.P+(j%p.O)*p.Q;let o=min(p.e,min((m+1u)*p.P,n+p.Q));let q=select(p.M,p.L,i);let r=select(p.U,p.T,i);let t=select(p.S*p.S,p.S*(p.S+1u)/2u,i);let y=c/t;let z=c%t;var A=vec2u(z/p.S,z%p.S);if i{A=bO(z,p.S);}let B=A.x;let C=A.y;let D=select(bU,0u,i);let E= !i&&c>=WG_SIZE/2u;let F=select(c%(WG_SIZE/2u),c,i);let G=F%p.S;let H=4u*(F/p.S);let I=select(f,g,E)*p.R+4u*G;let J=select(0u,bU,E)+H*p.S+G;let K=vec4u(I)+vec4u(0u,1u,2u,3u);let L=K<vec4u(p.n);let M=min(K,vec4u(p.n-1u));let N=vec4u(starts[M.x],starts[M.y],starts[M.z],starts[M.w]);let O=dB(vec4u(0u),vec4i(0),vec4u(0u));var P=O;var Q=O;var R=O;var S=O;var T=aR(vec4u(0u),vec4u(0u));var U=T;var V=T;var W=T;var X=0u;var Y=vec4<bool>();for(var Z=n;Z<o;Z+=r){let Aa=Z+H;if H<r{var Ba=vec4u(0u);var Ca=vec4u(0u);var Da=vec4u(0u);var Ea=vec4u(0u);if Aa<o{let Fa=(N+vec4u(Aa))/vec4u(4u);let Ga=vec4u(Aa)+vec4u(0u,1u,2u,3u)<vec4u(o);Ba=select(vec4u(0u),x[Fa.x],Ga&vec4<bool>(L.x));Ca=select(vec4u(0u),x[Fa.y],Ga&vec4<bool>(L.y));Da=select(vec4u(0u),x[Fa.z],Ga&vec4<bool>(L.z));Ea=select(vec4u(0u),x[Fa.w],Ga&vec4<bool>(L.w));}let Ha=array(vec4u(Ba.x,Ca.x,Da.x,Ea.x),vec4u(Ba.y,Ca.y,Da.y,Ea.y),vec4u(Ba.z,Ca.z,Da.z,Ea.z),vec4u(Ba.w,Ca.w,Da.w,Ea.w),);Y|=dF(Ha[0])|dF(Ha[1]);Y|=dF(Ha[2])|dF(Ha[3]);bT[J]=bitcast<vec4i>(Ha[0]);bT[J+p.S]=bitcast<vec4i>(Ha[1]);bT[J+2u*p.S]=bitcast<vec4i>(Ha[2]);bT[J+3u*p.S]=bitcast<vec4i>(Ha[3]);}workgroupBarrier();let Ia=min(r,o-Z);if y<q{for(var Ja=y;Ja<Ia;Ja+=bR*q){var Ka=Ja*p.S;for(var La=0u;La<bR;La++){let Ba=bT[Ka+B];let Ca=bT[D+Ka+C];Ka+=q*p.S;P=dC(P,vec4i(Ba.x)-Ca);Q=dC(Q,vec4i(Ba.y)-Ca);R=dC(R,vec4i(Ba.z)-Ca);S=dC(S,vec4i(Ba.w)-Ca);}X++;if X==RUNS{T=dE(T,P);U=dE(U,Q);V=dE(V,R);W=dE(W,S);P=O;Q=O;R=O;S=O;X=0u;}}}workgroupBarrier();}let Ma=3u*p.R*p.R*((m-p.V/p.O)*b.x+a.x);for(var La=0u;La<4u;La++){if Y[La]{dH(Ma,4u*G+La,vec2<bool>(!E,E||i));}}if y>=q{return;}let Na=cF(f*p.R,g*p.R,4u*B,4u*C,Ma);dI(Na,0u,dE(T,P));dI(Na,1u,dE(U,Q));dI(Na,2u,dE(V,R));dI(Na,3u,dE(W,S));}
fn dH(a:u32,b:u32,c:vec2<bool>){for(var e=0u;e<p.R;e++){if c.x{atomicOr(&aD[a+3u*(b*p.R+e)+2u],dA);}if c.y{atomicOr(&aD[a+3u*(e*p.R+b)+2u],dA);}}}
struct cF{Ja:u32,Ka:u32,a:u32,b:u32,La:u32}
fn dI(a:cF,b:u32,c:aR){dJ(a,vec2u(b,0u),vec2u(c.B.x,c.A.x));dJ(a,vec2u(b,1u),vec2u(c.B.y,c.A.y));dJ(a,vec2u(b,2u),vec2u(c.B.z,c.A.z));dJ(a,vec2u(b,3u),vec2u(c.B.w,c.A.w));}
fn dJ(a:cF,b:vec2u,c:vec2u){let e=a.a+b.x;let f=a.b+b.y;if a.Ka+f>=p.n||a.Ja+e>=a.Ka+f{return;}dG(a.La+3u*(e*p.R+f),c.x,c.y);}
`,
  sum_rows: `${columns}struct aA{n:u32,e:u32,o:u32,S:u32,Ma:u32,Na:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=aG(a,b,c);if 4u*e>=p.e{return;}var f=vec4u(0u);if p.Na==1u{for(var g=0u;g<p.n;g++){f+=x[starts[g]/4u+e];}}let i=a.z*p.Ma;for(var j=i;j<min(p.S,i+p.Ma);j++){var m=f*aC[4u*j];var n=aC[4u*j+1u];let o=aC[4u*j+2u];let q=aC[4u*j+3u];for(;n<o;n++){m+=x[starts[aC[n]]/4u+e];}for(;n<q;n++){m-=x[starts[aC[n]]/4u+e];}aD[j*(p.o/4u)+e]=m;}}
`,
  widen: `struct aA{begin:u32,Oa:u32,Pa:u32}
@group(0)@binding(0)var<storage,read>dK:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(a:u32)->u32{let b=(a&0x8000u)<<16u;let c=a&0x7fffu;if c>=0x7c00u{return b|0x7f800000u|(c<<13u);}if c>=0x0400u{return b|((c<<13u)+(112u<<23u));}if c==0u{return b;}let e=firstLeadingBit(c);return b|((e+103u)<<23u)|((c<<(23u-e))&0x007fffffu);}
fn dL(a:u32)->vec2u{if p.Pa==1u{return vec2u(a<<16u,a&0xffff0000u);}return vec2u(widened(a&0xffffu),widened(a>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)c:u32,){let e=(a.y*b.x+a.x)*WG_SIZE+c;if e>=p.Oa{return;}let f=dK[e];aD[p.begin+e]=vec4u(dL(f.x),dL(f.y));}
`,
};
