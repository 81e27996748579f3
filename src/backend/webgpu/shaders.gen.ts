/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const bK:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const cC:u32=0x7f800000u;
const bE:u32=0x7fc00000u;
const aV:i32= -100000;
fn aY(word:u32)->bool{return(word&cC)!=cC;}
fn cX(word:u32)->bool{return(word&MAGNITUDE)>cC;}
fn aZ(word:u32)->i32{let a=word&MAGNITUDE;if a==0u{return aV;}let b=i32(a>>23u);if b>0{return b-127;}return i32(firstLeadingBit(a))-149;}
fn bB(word:u32,a:i32)->f32{let b=word&MAGNITUDE;var c=i32(b>>23u);var e=b&0x007fffffu;if c==0{if b==0u{return 0.0;}let f=23u-firstLeadingBit(b);e=(b<<f)&0x007fffffu;c=1-i32(f);}c+=a;if c<=0{return 0.0;}return bitcast<f32>((word&bK)|(u32(min(c,254))<<23u)|e);}
fn power(aZ:i32)->f32{return bitcast<f32>(u32(max(aZ,-127)+127)<<23u);}
fn aS(a:f32,b:i32)->u32{let word=bitcast<u32>(a);let c=word&bK;let e=word&MAGNITUDE;if e<0x00800000u{return c;}let f=i32(e>>23u)+b;let g=e&0x007fffffu;if f>=255{return c|cC;}if f>0{return c|(u32(f)<<23u)|g;}let bX=1-f;if bX>24{return c;}let i=g|0x00800000u;let j=i>>u32(bX);let m=i&((1u<<u32(bX))-1u);let n=1u<<u32(bX-1);let o=m>n||(m==n&&(j&1u)==1u);return c|(j+u32(o));}
const dM:u32=0x007fffffu;
const dN:u32=0xff000001u;
fn key_of(word:u32)->u32{let a=bitcast<u32>(bitcast<i32>(word)>>31u);return(word^(a|bK))-dM;}
fn finite_word(a:u32)->u32{let flipped=a+dM;let b=bitcast<u32>(bitcast<i32>(flipped)>>31u);return flipped^(~b|bK);}
fn word_of(a:u32)->u32{return select(finite_word(a),bE,a>dN);}
`;

const chacha20 = `struct aI{a:vec4u,b:vec4u,i:vec4u,d:vec4u}
fn dO(words:vec4u,left:u32)->vec4u{return(words<<vec4u(left))|(words>>vec4u(32u-left));}
fn dP(aJ:aI)->aI{var s=aJ;s.a+=s.b;s.d=dO(s.d^s.a,16u);s.i+=s.d;s.b=dO(s.b^s.i,12u);s.a+=s.b;s.d=dO(s.d^s.a,8u);s.i+=s.d;s.b=dO(s.b^s.i,7u);return s;}
fn aH(aJ:aI)->aI{var s=aJ;for(var a=0u;a<20u;a+=2u){s=dP(s);s=dP(aI(s.a,s.b.yzwx,s.i.zwxy,s.d.wxyz));s=aI(s.a,s.b.wxyz,s.i.zwxy,s.d.yzwx);}return aI(s.a+aJ.a,s.b+aJ.b,s.i+aJ.i,s.d+aJ.d);}
`;

const columns = `override WG_SIZE:u32=64;
fn aG(a:vec3u,b:vec3u,local:u32)->u32{return(a.y*b.x+a.x)*WG_SIZE+local;}
`;

const distance = `const bH:u32=0xffffffffu;
const dQ:u32=0x0c800000u;
const dR:u32=0x7e800000u;
fn is_tame(word:u32)->bool{let a=word&MAGNITUDE;return a==0u||(a>=dQ&&a<dR);}
fn tame_distance_word(word:u32,center:u32)->u32{return bitcast<u32>(bitcast<f32>(word)-bitcast<f32>(center))&MAGNITUDE;}
fn bI(word:u32,center:u32)->u32{if word==center&& !cX(word){return 0u;}if!aY(word)|| !aY(center){return bH;}let top=max(aZ(word),aZ(center));let away=bitcast<u32>(bB(word,-top)-bB(center,-top))&MAGNITUDE;if away==0u{return 0u;}return away+(bitcast<u32>(top+23)<<23u);}
fn bL(word:u32,center:u32,tame:bool)->u32{if tame{return tame_distance_word(word,center);}return bI(word,center);}
`;

const kept = `const dS:i32= -80;
struct dT{least:u32,Qa:u32,top:i32,sum:aX}
fn nothing_kept()->dT{return dT(0xffffffffu,0u,dS,aX(0.0,0.0));}
fn dU(a:u32)->i32{return clamp(i32((finite_word(a)>>23u)&0xffu)-127,dS,126);}
fn widened(kept:dT,least:u32,a:u32)->dT{let top=max(kept.top,max(dU(least),dU(a)));let bX=power(kept.top-top);let sum=aX(kept.sum.A*bX,kept.sum.B*bX);return dT(min(kept.least,least),max(kept.Qa,a),top,sum);}
fn value_of(a:u32,unit:f32)->f32{return scaled_by(bitcast<f32>(finite_word(a)),unit,p.zero);}
fn kept_word(kept:dT,col:u32,begin:u32,end:u32)->u32{if kept.least==kept.Qa{return word_of(kept.least);}if kept.top==dS{return cE(col,kept.least,kept.Qa,begin,end);}var total=aW(kept.sum,0u);dV(word_of(kept.least),&total);dV(word_of(kept.Qa),&total);return bC(total,f32(end-begin),kept.top,p.zero);}
fn cE(col:u32,least:u32,a:u32,begin:u32,end:u32)->u32{if least==a{return word_of(least);}var top=aV;var total=aW(aX(0.0,0.0),0u);bJ(word_of(least),&top,&total);bJ(word_of(a),&top,&total);if total.D==0u{var b=0u;var c=0u;for(var e=0u;e<p.n;e++){let word=x[starts[e]+col];let f=key_of(word);b+=u32(f<=least);c+=u32(f<a);if f<=least||f>=a{continue;}total.sum=add(total.sum,bB(word,-top),p.zero);}let g=f32(b-begin)*bB(word_of(least),-top);let i=f32(end-c)*bB(word_of(a),-top);total.sum=add(add(total.sum,g,p.zero),i,p.zero);}return bC(total,f32(end-begin),top,p.zero);}
`;

const sum = `override compensated:bool=true;
struct aX{A:f32,B:f32}
fn bF(a:f32,zero:u32)->f32{return bitcast<f32>(bitcast<u32>(a)^zero);}
fn scaled_by(a:f32,unit:f32,zero:u32)->f32{return bF(a*unit,zero);}
fn dW(a:f32,b:f32,zero:u32)->aX{let s=bF(a+b,zero);if!compensated{return aX(s,0.0);}let c=bF(s-a,zero);let e=bF(s-c,zero);return aX(s,(a-e)+(b-c));}
fn add(sum:aX,a:f32,zero:u32)->aX{let next=dW(sum.A,a,zero);return aX(next.A,sum.B+next.B);}
fn bP(a:aX,b:aX,zero:u32)->aX{let next=dW(a.A,b.A,zero);return aX(next.A,next.B+(a.B+b.B));}
struct aW{sum:aX,D:u32}
const dX:u32=1u;
const dY:u32=2u;
const dZ:u32=4u;
fn bA(word:u32,a:u32)->u32{if cX(word){return dZ;}return select(dX,dY,((word^a)&bK)!=0u);}
fn dV(word:u32,total:ptr<function,aW>){if!aY(word){(*total).D|=bA(word,0u);}}
fn bJ(word:u32,top:ptr<function,i32>,total:ptr<function,aW>){if aY(word){*top=max(*top,aZ(word));}dV(word,total);}
fn eA(sum:aX,a:f32,zero:u32)->f32{let b=bF((sum.A+sum.B)/a,zero);let c=bitcast<f32>(bitcast<u32>(b)&0xfffff000u);let e=bF(b-c,zero);let f=bF(bF(sum.A-c*a,zero)-e*a,zero);return b+(f+sum.B)/a;}
fn bC(total:aW,a:f32,b:i32,zero:u32)->u32{switch total.D{case 0u:{return aS(eA(total.sum,a,zero),b);}case dX:{return cC;}case dY:{return cC|bK;}default:{return bE;}}}
`;

const sums = `struct aR{A:vec4f,B:vec4f,C:vec4f}
fn eB(a:vec4f,zero:u32)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(a)^vec4u(zero));}
fn bD(a:aR,b:vec4f,zero:u32)->aR{let c=max(a.C,abs(b));let s=eB(a.A+b,zero);if!compensated{return aR(s,a.B,c);}let e=eB(s-a.A,zero);let f=eB(s-e,zero);return aR(s,a.B+((a.A-f)+(b-e)),c);}
`;

const triangle = `fn bO(a:u32,b:u32)->vec2u{var row=0u;var c=a;while c>=b-row{c-=b-row;row++;}return vec2u(row,row+c);}
`;

const words = `const bK:u32=0x80000000u;
fn flipped(word:u32)->u32{return word^bK;}
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
fn aF(a:vec4u,b:vec4u)->u32{let c=a.x&b.y;let e=aB[b.x+c];let f=a.yzw<e.xyz;let same=a.yzw==e.xyz;let g=f.z|(same.z&(f.y|(same.y&f.x)));return select(e.w,c-b.z,g);}
@compute@workgroup_size(WG_SIZE)fn add_lattice_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=aG(a,b,local);if 4u*c>=p.e{return;}let e=p.f+c;var sum=x[starts[0]/4u+c];for(var f=0u;f<p.c;f++){let g=aC[aE+f];let i=aC[3]+vec4u(e,0u,0u,f);let j=aH(aI(aC[0],aC[1],aC[2],i));sum+=g.w*vec4u(aF(j.a,g),aF(j.b,g),aF(j.i,g),aF(j.d,g),);}aD[c]=sum;}
`,
  add_simulated_noise: `${columns}${chacha20}struct aA{j:u32,e:u32,m:u32,f:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aJ:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(4)var<uniform>p:aA;
const aK=vec4u(0x3f3504f3u);
fn aL(words:vec4u)->vec4f{let bits=bitcast<vec4u>(vec4f((words>>vec4u(8u))+1u))-aK;let a=bitcast<vec4f>((bits&vec4u(0x7fffffu))+aK);let s=(a-1.0)/(a+1.0);let b=s*s;let c=s*(2.0+b*(2.0/3.0+b*(2.0/5.0+b*(2.0/7.0+b*(2.0/9.0)))));return(24.0-vec4f(bits>>vec4u(23u)))*0.69314718-c;}
fn aM(words:vec4u)->vec4f{let a=abs(vec4f(words>>vec4u(8u))*0x1p-22-2.0)-1.0;let b=a*a;let c= -4.6817541e-3+b*(1.6044118e-4-b*3.5988432e-6);return a*(1.5707964+b*(-0.6459641+b*(0.079692626+b*c)));}
@compute@workgroup_size(WG_SIZE)fn add_simulated_noise(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=aG(a,b,local);if 4u*c>=p.e{return;}let e=vec4u(p.f+c,0u,0u,0u);let f=aH(aI(aJ[0],aJ[1],aJ[2],aJ[3]+e));let g=aL(vec4u(f.a.x,f.b.x,f.i.x,f.d.x));let i=vec4u(f.a.y,f.b.y,f.i.y,f.d.y);var aF=sqrt(2.0*g)*aM(i);if p.j==1u{aF=select(g,-g,i>=vec4u(0x80000000u));}aD[c]=x[starts[0]/4u+c]+bitcast<f32>(p.m)*aF;}
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
fn write(a:aR,largest:vec4u,b:vec2u,place:aQ,k:u32)->u32{let c=place.t+k;if c>=p.q{return 0u;}let e=bitcast<i32>(b.x);let f=a.A+a.B;aD[(c*p.o+place.col)/4u]=vec4u(aS(f.x,e),aS(f.y,e),aS(f.z,e),aS(f.w,e),);let g=(a.C>=vec4f(bitcast<f32>(b.y)))&(largest<vec4u(aP));let i= !(g|(largest==vec4u(0u)));return dot(vec4u(i),vec4u(1u,2u,4u,8u))<<(4u*k);}
fn aT(row:u32,col:u32)->u32{let at=starts[row]+col;return x[at/4u][at%4u];}
fn aU(a:u32,col:u32)->u32{let b=a*p.n;var top=aV;var total=aW(aX(0.0,0.0),0u);for(var c=0u;c<p.n;c++){let e=aO[b+c];if e.x==0u{continue;}let word=aT(c,col);if aY(word){top=max(top,aZ(word)+bitcast<i32>(e.y));}else{total.D|=bA(word,e.x);}}for(var c=0u;c<p.n&&total.D==0u;c++){let e=aO[b+c];if e.x==0u{continue;}let f=bB(aT(c,col),bitcast<i32>(e.y)-top);total.sum=add(total.sum,bitcast<f32>(e.x)*f,p.zero);}return bC(total,1.0,top,p.zero);}
@compute@workgroup_size(WG_SIZE)fn combine(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let place=aQ(a.z*OUTPUTS,4u*aG(a,b,local));if place.col>=p.e{return;}let c=a.z*(p.n+2u);var largest=vec4u(0u);var e=aR(vec4f(0.0),vec4f(0.0),vec4f(0.0));var f=e;var g=e;var d=e;for(var i=0u;i<p.n;i++){let j=aN[c+2u+i];if all(j==vec4u(0u)){continue;}let words=x[(starts[i]+place.col)/4u];largest=max(largest,words&vec4u(MAGNITUDE));let m=bitcast<vec4f>(words);let n=bitcast<vec4f>(j);e=bD(e,n.x*m,p.zero);if OUTPUTS>1u{f=bD(f,n.y*m,p.zero);}if OUTPUTS>2u{g=bD(g,n.z*m,p.zero);}if OUTPUTS>3u{d=bD(d,n.w*m,p.zero);}}let o=aN[c];let q=aN[c+1u];var r=write(e,largest,vec2u(o.x,q.x),place,0u);if OUTPUTS>1u{r|=write(f,largest,vec2u(o.y,q.y),place,1u);}if OUTPUTS>2u{r|=write(g,largest,vec2u(o.z,q.z),place,2u);}if OUTPUTS>3u{r|=write(d,largest,vec2u(o.w,q.w),place,3u);}for(;r>0u;r&=r-1u){let t=firstTrailingBit(r);let y=place.t+t/4u;let col=place.col+t%4u;if col>=p.e{continue;}aD[(y*p.o+col)/4u][col%4u]=aU(y,col);}}
`,
  deviation: `${bits}${sum}${columns}struct aA{n:u32,e:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<u32>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn deviation(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}var top=aV;for(var c=0u;c<p.n;c++){let word=x[starts[c]+col];if!aY(word){aD[col]=bE;return;}top=max(top,aZ(word));}var sum=aX(0.0,0.0);for(var c=0u;c<p.n;c++){sum=add(sum,bB(x[starts[c]+col],-top),p.zero);}let e=bF((sum.A+sum.B)/f32(p.n),p.zero);var f=aX(0.0,0.0);var g=aX(0.0,0.0);for(var c=0u;c<p.n;c++){let i=bF(bB(x[starts[c]+col],-top)-e,p.zero);f=add(f,i*i,p.zero);g=add(g,i,p.zero);}let left=g.A+g.B;let j=max(0.0,f.A+f.B-left*left/f32(p.n));aD[col]=aS(sqrt(j/f32(p.n-1u)),top);}
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
@compute@workgroup_size(WG_SIZE)fn nearest_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}let center=bG[col];var tame=is_tame(center);for(var c=0u;c<p.n&&tame;c++){tame=is_tame(x[starts[c]+col]);}var far=0u;for(var e=bK;e>0u;e>>=1u){var f=0u;for(var c=0u;c<p.n;c++){f+=u32(bL(x[starts[c]+col],center,tame)<(far|e));}if f<p.E{far|=e;}}var g=0u;for(var c=0u;c<p.n;c++){g+=u32(bL(x[starts[c]+col],center,tame)<far);}let i=p.E-g-1u;var j=0u;for(var e=bK;e>0u;e>>=1u){var f=0u;for(var c=0u;c<p.n;c++){let word=x[starts[c]+col];let m=bL(word,center,tame)==far;f+=u32(m&&key_of(word)<(j|e));}if f<=i{j|=e;}}if p.E==1u{aD[col]=word_of(j);return;}var top=aV;var n=0u;var total=aW(aX(0.0,0.0),0u);for(var c=0u;c<p.n;c++){let word=x[starts[c]+col];let away=bL(word,center,tame);let o=key_of(word);if away>far||(away==far&&o>j){continue;}n+=u32(away==far&&o<j);bJ(word,&top,&total);}if total.D==0u{for(var c=0u;c<p.n;c++){let word=x[starts[c]+col];let away=bL(word,center,tame);if away<far||(away==far&&key_of(word)<j){total.sum=add(total.sum,bB(word,-top),p.zero);}}let q=f32(p.E-g-n);total.sum=add(total.sum,q*bB(word_of(j),-top),p.zero);}aD[col]=bC(total,f32(p.E),top,p.zero);}
`,
  pair_sums: `${bits}${sum}${triangle}struct aA{F:u32,G:u32,H:u32,I:u32,J:u32,K:u32,L:u32,M:u32,N:u32,O:u32,zero:u32,}
@group(0)@binding(0)var<storage,read>bM:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4f>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=64;
const bN:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)fn pair_sums(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)local:u32,){let b=a.y*WG_SIZE+local;let c=a.x;let e=bO(p.H+c,p.I);let f=e.x==e.y;let g=select(p.K,p.J,f);let i=select(p.M,p.L,f);if b>=16u*g{return;}let j=a.z*p.O;let m=min(p.N,j+p.O);var n=aX(0.0,0.0);var o=aX(0.0,0.0);for(var q=j;q<m;q++){let r=(q*p.F+c)*bN+(b/g)*256u+b%g;for(var t=0u;t<i;t++){let y=bM[r+t*g];n=bP(n,aX(y.x,y.y),p.zero);o=bP(o,aX(y.z,y.w),p.zero);}}aD[(a.z*p.F+c)*p.G+b]=vec4f(n.A,n.B,o.A,o.B);}
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
fn bY(a:u32,row:u32)->vec4i{let at=vec4u(a)+min(vec4u(row)+vec4u(0u,1u,2u,3u),vec4u(p.n-1u));return vec4i(bS[at.x],bS[at.y],bS[at.z],bS[at.w]);}
fn bZ(a:vec4f)->vec4f{return bitcast<vec4f>(bitcast<vec4u>(a)^vec4u(p.zero));}
fn cA(a:vec4f,b:vec4f)->bV{let next=bZ(a+b);if!compensated{return bV(next,vec4f(0.0));}return bV(next,b-bZ(next-a));}
fn cB(words:vec4u,a:f32,b:f32)->vec4f{let c=words&vec4u(cC);let e=select(words,vec4u(0u),c==vec4u(cC));let f=vec4f(e&vec4u(0x007fffffu))*b;let g=bitcast<vec4f>(bitcast<vec4u>(f)|(e&vec4u(bK)));return select(bitcast<vec4f>(e)*a,g,c==vec4u(0u));}
@compute@workgroup_size(WG_SIZE)fn pairs(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=p.H+a.x;let e=bO(c,p.I);let f=e.x;let g=e.y;let i=f==g;let j=p.I*(p.I+1u)/2u;let m=p.V+a.y;let n=m/p.O;let begin=n*p.P+(m%p.O)*p.Q;let end=min(p.e,min((n+1u)*p.P,begin+p.Q));let o=n*(p.n+j);let q=bS[o+p.n+c];if general!=(q==bQ){return;}let r=select(p.M,p.L,i);let t=select(p.U,p.T,i);let y=select(p.S*p.S,p.S*(p.S+1u)/2u,i);let z=local/y;let A=local%y;var place=vec2u(A/p.S,A%p.S);if i{place=bO(A,p.S);}let B=place.x;let C=place.y;let D=select(bU,0u,i);let E= !i&&local>=WG_SIZE/2u;let F=select(local%(WG_SIZE/2u),local,i);let G=F%p.S;let H=4u*(F/p.S);let I=select(f,g,E)*p.R+4u*G;let J=select(0u,bU,E)+H*p.S+G;let K=p.n-1u;let L=vec4u(I)+vec4u(0u,1u,2u,3u);let M=L<vec4u(p.n);let N=min(L,vec4u(p.n-1u));let O=vec4u(starts[N.x],starts[N.y],starts[N.z],starts[N.w]);var P=vec4i(-q);if general{P= -bY(o,I);}let Q=bW(P);let R=bW(P-vec4i(149));var S=mat4x4f();var T=mat4x4f();if general{let U=bY(o,f*p.R+4u*B);let V=bY(o,g*p.R+4u*C);S=mat4x4f(bX(U.x,V),bX(U.y,V),bX(U.z,V),bX(U.w,V));T=transpose(mat4x4f(bX(V.x,U),bX(V.y,U),bX(V.z,U),bX(V.w,U)));}var W=mat4x4f();var X=mat4x4f();var Y=mat4x4f();var Z=mat4x4f();var Aa=0u;for(var Ba=begin;Ba<end;Ba+=t){let col=Ba+H;if H<t{var words=mat4x4f();if col<end{let Ca=(O+vec4u(col))/vec4u(4u);let Da=x[Ca.x];let Ea=x[Ca.y];let Fa=x[Ca.z];let Ga=x[Ca.w];let Ha=vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end);words[0]=cB(select(vec4u(0u),Da,Ha&vec4<bool>(M.x)),Q.x,R.x,);words[1]=cB(select(vec4u(0u),Ea,Ha&vec4<bool>(M.y)),Q.y,R.y,);words[2]=cB(select(vec4u(0u),Fa,Ha&vec4<bool>(M.z)),Q.z,R.z,);words[3]=cB(select(vec4u(0u),Ga,Ha&vec4<bool>(M.w)),Q.w,R.w,);}let Ia=transpose(words);bT[J]=Ia[0];bT[J+p.S]=Ia[1];bT[J+2u*p.S]=Ia[2];bT[J+3u*p.S]=Ia[3];}workgroupBarrier();let Ja=min(t,end-Ba);if z<r{for(var Ka=z;Ka<Ja;Ka+=bR*r){var La=mat4x4f();var Ma=mat4x4f();var at=Ka*p.S;for(var k=0u;k<bR;k++){let U=bT[at+B];let V=bT[D+at+C];at+=r*p.S;La[0]=fma(vec4f(U.x),V,La[0]);La[1]=fma(vec4f(U.y),V,La[1]);La[2]=fma(vec4f(U.z),V,La[2]);La[3]=fma(vec4f(U.w),V,La[3]);var Na=U.x-V;var Oa=U.y-V;var Pa=U.z-V;var Qa=U.w-V;if general{Na=U.x*S[0]-V*T[0];Oa=U.y*S[1]-V*T[1];Pa=U.z*S[2]-V*T[2];Qa=U.w*S[3]-V*T[3];}Ma[0]=fma(Na,Na,Ma[0]);Ma[1]=fma(Oa,Oa,Ma[1]);Ma[2]=fma(Pa,Pa,Ma[2]);Ma[3]=fma(Qa,Qa,Ma[3]);}X+=La;Z+=Ma;Aa++;if Aa%RUNS==0u{cD(&W,&X);cD(&Y,&Z);}}}workgroupBarrier();}if z>=r{return;}cD(&W,&X);cD(&Y,&Z);let Ra=(a.y*b.x+a.x)*16u*WG_SIZE+local;write(Ra,W[0],X[0],Y[0],Z[0]);write(Ra+4u*WG_SIZE,W[1],X[1],Y[1],Z[1]);write(Ra+8u*WG_SIZE,W[2],X[2],Y[2],Z[2]);write(Ra+12u*WG_SIZE,W[3],X[3],Y[3],Z[3]);}
fn write(at:u32,a:vec4f,b:vec4f,c:vec4f,e:vec4f){let f=transpose(mat4x4f(a,b,c,e));aD[at]=f[0];aD[at+WG_SIZE]=f[1];aD[at+2u*WG_SIZE]=f[2];aD[at+3u*WG_SIZE]=f[3];}
fn cD(a:ptr<function,mat4x4f>,b:ptr<function,mat4x4f>){let c=cA((*a)[0],(*b)[0]);let e=cA((*a)[1],(*b)[1]);let f=cA((*a)[2],(*b)[2]);let d=cA((*a)[3],(*b)[3]);*a=mat4x4f(c.A,e.A,f.A,d.A);*b=mat4x4f(c.B,e.B,f.B,d.B);}
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
@compute@workgroup_size(WG_SIZE)fn rank_mean_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}var c=0u;var e=0u;for(var f=bK;f>0u;f>>=1u){var g=0u;var i=0u;for(var j=0u;j<p.n;j++){let m=key_of(x[starts[j]+col]);g+=u32(m<(c|f));i+=u32(m<(e|f));}if g<=p.begin{c|=f;}if i<=p.end-1u{e|=f;}}aD[col]=cE(col,c,e,p.begin,p.end);}
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
fn facing(place:cF,sum:i32)->cG{let a=i32(RUNS/2u);let run=sum-place.run;let b=run<0||run>=a;let at=(place.W+u32(clamp(run,0,a-1)))*WG_SIZE+place.X;let c=select(0u,DROPPED,run>=a);return cG(at,b,c,!b&&place.W>0u);}
fn met(a:cG,b:u32)->u32{return select(b,a.Z,a.Y);}
fn is_lower(a:u32,b:cG,c:u32)->bool{let met=met(b,c);return a<met||(a==met&&b.Aa);}
fn kept_value(a:u32,unit:f32)->f32{return select(value_of(a,unit),0.0,a==DROPPED);}
fn key_at(row:u32,col:u32)->u32{if row>=p.n{return DROPPED;}return min(key_of(x[starts[row]+col]),DROPPED-1u);}
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
@compute@workgroup_size(WG_SIZE)fn rank_sum_search(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=aG(a,b,local);if col>=p.e{return;}var c=0u;var e=0u;for(var f=bK;f>0u;f>>=1u){var g=0u;var i=0u;for(var j=0u;j<p.n;j++){let m=flipped(x[starts[j]+col]);g+=u32(m<(c|f));i+=u32(m<(e|f));}if g<=p.begin{c|=f;}if i<=p.end-1u{e|=f;}}var sum=0u;var n=0u;var i=0u;for(var j=0u;j<p.n;j++){let word=x[starts[j]+col];let m=flipped(word);sum+=select(0u,word,m>c&&m<e);n+=u32(m>c);i+=u32(m<e);}let o=p.n-p.begin-n;let q=p.end-i;let r=o*flipped(c)+q*flipped(e);aD[col]=select(sum+r,(p.end-p.begin)*flipped(c),c==e);}
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
fn cP(words:vec4u)->vec4u{var h=words;h=(h^(h>>vec4u(16u)))*0x85ebca6bu;h=(h^(h>>vec4u(13u)))*0xc2b2ae35u;return h^(h>>vec4u(16u));}
fn cQ(words:vec4u)->u32{return(words.x+words.y)+(words.z+words.w);}
fn cR(top:i32)->i32{return min(cJ-top,cK);}
fn cS(a:cM,words:vec4u,b:vec4u,c:vec4u)->cM{var e=a;let f=words^(words>>vec4u(15u));e.Fa+=vec2u(cQ(f*b),cQ(f*c));let g=words&vec4u(MAGNITUDE);let i=g<vec4u(cC);e.Da+=cQ(select(vec4u(1u),vec4u(0u),i));let kept=select(vec4u(0u),g,i);let largest=max(max(kept.x,kept.y),max(kept.z,kept.w));e.largest=max(e.largest,largest);if largest>=e.Ga{let j=cR(aZ(largest));let m=power(2*(j-e.Ha));e.sum=aX(e.sum.A*m,e.sum.B*m);e.Ha=j;e.Ga=((largest>>23u)+1u)<<23u;}let n=kept<vec4u(0x00800000u);let o=vec4f(kept)*power(e.Ha-149);let q=select(bitcast<vec4f>(kept)*power(e.Ha),o,n);let r=q*q;e.sum=add(e.sum,(r.x+r.y)+(r.z+r.w),p.zero);return e;}
fn cT(a:u32,col:u32,end:u32)->vec4u{let words=x[(a+col)/4u];if col+4u<=end{return words;}return select(vec4u(0u),words,vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end));}
fn cU(a:cH,b:cH)->cH{let top=max(a.Ea,b.Ea);let c=power(2*(cR(top)-cR(a.Ea)));let e=power(2*(cR(top)-cR(b.Ea)));let sum=bP(aX(a.A*c,a.B*c),aX(b.A*e,b.B*e),p.zero,);return cH(a.Da+b.Da,top,sum.A,sum.B,a.Fa+b.Fa);}
fn cV(local:u32,a:cH){cN[local]=vec4u(a.Da,bitcast<u32>(a.Ea),bitcast<u32>(a.A),bitcast<u32>(a.B),);cO[local]=a.Fa;}
fn kept(local:u32)->cH{let a=cN[local];return cH(a.x,bitcast<i32>(a.y),bitcast<f32>(a.z),bitcast<f32>(a.w),cO[local],);}
fn cW(a:cM,row:u32,b:u32,local:u32){var c=cH(a.Da,aZ(a.largest),a.sum.A,a.sum.B,a.Fa,);workgroupBarrier();cV(local,c);for(var e=WG_SIZE/2u;e>0u;e/=2u){workgroupBarrier();if local<e{c=cU(c,kept(local+e));cV(local,c);}}if local==0u{aD[b*p.n+row]=c;}}
@compute@workgroup_size(WG_SIZE)fn screen(@builtin(workgroup_id)a:vec3u,@builtin(local_invocation_index)local:u32,){let b=p.f+a.y;let begin=b*p.P;let end=min(p.e,begin+p.P);let row=a.x*cI;let c=p.n-1u;let e=starts[row];let f=starts[min(row+1u,c)];let g=starts[min(row+2u,c)];let i=starts[min(row+3u,c)];let j=cM(0u,0u,cL,cK,aX(0.0,0.0),vec2u(0u,0u));var m=j;var n=j;var o=j;var d=j;for(var col=begin+4u*local;col<end;col+=4u*WG_SIZE){var q=cT(e,col,end);var r=cT(f,col,end);var t=cT(g,col,end);var y=cT(i,col,end);let place=vec4u(p.Ca+col)+vec4u(0u,1u,2u,3u);let z=cP(place*0x9e3779b1u)|vec4u(1u);let A=cP(place*0x85ebca77u)|vec4u(1u);for(var k=0u;k<cI;k++){let B=cS(m,q,z,A);m=n;n=o;o=d;d=B;q=r;r=t;t=y;}}for(var k=0u;k<min(cI,p.n-row);k++){cW(m,row+k,b,local);m=n;n=o;o=d;}}
`,
  self_test: `${bits}${sum}struct aA{E:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>aD:array<u32>;
@group(0)@binding(2)var<uniform>p:aA;
@compute@workgroup_size(1)fn self_test(){for(var a=0u;a<p.E;a++){let word=x[a];let at=8u*a;aD[at]=u32(aY(word))|(u32(cX(word))<<1u);aD[at+1u]=key_of(word);aD[at+2u]=word_of(key_of(word));if aY(word){aD[at+3u]=bitcast<u32>(aZ(word));let unit=bB(word,-aZ(word));aD[at+4u]=bitcast<u32>(unit);aD[at+5u]=aS(unit,aZ(word));let sum=add(add(aX(33554432.0,0.0),unit,p.zero),-33554432.0,p.zero);aD[at+6u]=bitcast<u32>(sum.A+sum.B);}}}
`,
  sign_sum: `${bits}${columns}struct aA{n:u32,e:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(3)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sign_sum(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let col=4u*aG(a,b,local);if col>=p.e{return;}var sum=vec4i(0);for(var c=0u;c<p.n;c++){let words=x[(starts[c]+col)/4u];let e=words&vec4u(MAGNITUDE);let f=(bitcast<vec4i>(words)>>vec4u(31u))|vec4i(1);let g=(e>vec4u(0u))&(e<=vec4u(cC));sum+=select(vec4i(0),f,g);}aD[col/4u]=bitcast<vec4u>(vec4f(sum));}
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
fn dC(a:dB,b:vec4i)->dB{let h=b>>vec4u(13u);let l=b&vec4i(0x1fff);return dB(a.A+vec4u(h*h),a.Ia+h*l,a.B+vec4u(l*l),);}
fn dD(a:aR,b:vec4u,c:vec4u)->aR{let next=a.B+b;return aR(next,a.A+c+vec4u(next<b));}
fn dE(a:aR,b:dB)->aR{let c=dD(a,b.A<<vec4u(26u),b.A>>vec4u(6u));let e=bitcast<vec4u>(b.Ia<<vec4u(14u));let f=dD(c,e,bitcast<vec4u>(b.Ia>>vec4u(18u)));return dD(f,b.B,vec4u(0u));}
fn dF(words:vec4u)->vec4<bool>{return words+vec4u(cY)>vec4u(2u*cY);}
fn dG(at:u32,a:u32,b:u32){let next=atomicAdd(&aD[at],a)+a;let c=b+u32(next<a);if atomicAdd(&aD[at+1u],c)+c<c{atomicOr(&aD[at+2u],cZ);}}
@compute@workgroup_size(WG_SIZE)fn squared_distances(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=bO(p.H+a.x,p.I);let e=c.x;let f=c.y;let g=e==f;let i=p.V+a.y;let j=i/p.O;let begin=j*p.P+(i%p.O)*p.Q;let end=min(p.e,min((j+1u)*p.P,begin+p.Q));let m=select(p.M,p.L,g);let n=select(p.U,p.T,g);let o=select(p.S*p.S,p.S*(p.S+1u)/2u,g);let q=local/o;let r=local%o;var place=vec2u(r/p.S,r%p.S);if g{place=bO(r,p.S);}let t=place.x;let y=place.y;let z=select(bU,0u,g);let A= !g&&local>=WG_SIZE/2u;let B=select(local%(WG_SIZE/2u),local,g);let C=B%p.S;let D=4u*(B/p.S);let E=select(e,f,A)*p.R+4u*C;let F=select(0u,bU,A)+D*p.S+C;let G=vec4u(E)+vec4u(0u,1u,2u,3u);let H=G<vec4u(p.n);let I=min(G,vec4u(p.n-1u));let J=vec4u(starts[I.x],starts[I.y],starts[I.z],starts[I.w]);let K=dB(vec4u(0u),vec4i(0),vec4u(0u));var L=K;var M=K;var N=K;var O=K;var P=aR(vec4u(0u),vec4u(0u));var Q=P;var R=P;var S=P;var T=0u;var U=vec4<bool>();for(var V=begin;V<end;V+=n){let col=V+D;if D<n{var W=vec4u(0u);var X=vec4u(0u);var Y=vec4u(0u);var d=vec4u(0u);if col<end{let Z=(J+vec4u(col))/vec4u(4u);let Aa=vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end);W=select(vec4u(0u),x[Z.x],Aa&vec4<bool>(H.x));X=select(vec4u(0u),x[Z.y],Aa&vec4<bool>(H.y));Y=select(vec4u(0u),x[Z.z],Aa&vec4<bool>(H.z));d=select(vec4u(0u),x[Z.w],Aa&vec4<bool>(H.w));}let Ba=array(vec4u(W.x,X.x,Y.x,d.x),vec4u(W.y,X.y,Y.y,d.y),vec4u(W.z,X.z,Y.z,d.z),vec4u(W.w,X.w,Y.w,d.w),);U|=dF(Ba[0])|dF(Ba[1]);U|=dF(Ba[2])|dF(Ba[3]);bT[F]=bitcast<vec4i>(Ba[0]);bT[F+p.S]=bitcast<vec4i>(Ba[1]);bT[F+2u*p.S]=bitcast<vec4i>(Ba[2]);bT[F+3u*p.S]=bitcast<vec4i>(Ba[3]);}workgroupBarrier();let Ca=min(n,end-V);if q<m{for(var Da=q;Da<Ca;Da+=bR*m){var at=Da*p.S;for(var k=0u;k<bR;k++){let W=bT[at+t];let X=bT[z+at+y];at+=m*p.S;L=dC(L,vec4i(W.x)-X);M=dC(M,vec4i(W.y)-X);N=dC(N,vec4i(W.z)-X);O=dC(O,vec4i(W.w)-X);}T++;if T==RUNS{P=dE(P,L);Q=dE(Q,M);R=dE(R,N);S=dE(S,O);L=K;M=K;N=K;O=K;T=0u;}}}workgroupBarrier();}let Ea=3u*p.R*p.R*((j-p.V/p.O)*b.x+a.x);for(var k=0u;k<4u;k++){if U[k]{dH(Ea,4u*C+k,vec2<bool>(!A,A||g));}}if q>=m{return;}let Fa=cF(e*p.R,f*p.R,4u*t,4u*y,Ea);dI(Fa,0u,dE(P,L));dI(Fa,1u,dE(Q,M));dI(Fa,2u,dE(R,N));dI(Fa,3u,dE(S,O));}
fn dH(a:u32,row:u32,b:vec2<bool>){for(var c=0u;c<p.R;c++){if b.x{atomicOr(&aD[a+3u*(row*p.R+c)+2u],dA);}if b.y{atomicOr(&aD[a+3u*(c*p.R+row)+2u],dA);}}}
struct cF{Ja:u32,Ka:u32,a:u32,b:u32,La:u32}
fn dI(place:cF,k:u32,a:aR){dJ(place,vec2u(k,0u),vec2u(a.B.x,a.A.x));dJ(place,vec2u(k,1u),vec2u(a.B.y,a.A.y));dJ(place,vec2u(k,2u),vec2u(a.B.z,a.A.z));dJ(place,vec2u(k,3u),vec2u(a.B.w,a.A.w));}
fn dJ(place:cF,a:vec2u,sum:vec2u){let b=place.a+a.x;let c=place.b+a.y;if place.Ka+c>=p.n||place.Ja+b>=place.Ka+c{return;}dG(place.La+3u*(b*p.R+c),sum.x,sum.y);}
`,
  sum_rows: `${columns}struct aA{n:u32,e:u32,o:u32,S:u32,Ma:u32,Na:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>aC:array<u32>;
@group(0)@binding(3)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(4)var<uniform>p:aA;
@compute@workgroup_size(WG_SIZE)fn sum_rows(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=aG(a,b,local);if 4u*c>=p.e{return;}var total=vec4u(0u);if p.Na==1u{for(var row=0u;row<p.n;row++){total+=x[starts[row]/4u+c];}}let e=a.z*p.Ma;for(var k=e;k<min(p.S,e+p.Ma);k++){var sum=total*aC[4u*k];var at=aC[4u*k+1u];let f=aC[4u*k+2u];let end=aC[4u*k+3u];for(;at<f;at++){sum+=x[starts[aC[at]]/4u+c];}for(;at<end;at++){sum-=x[starts[aC[at]]/4u+c];}aD[k*(p.o/4u)+c]=sum;}}
`,
  widen: `struct aA{begin:u32,Oa:u32,Pa:u32}
@group(0)@binding(0)var<storage,read>dK:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>aD:array<vec4u>;
@group(0)@binding(2)var<uniform>p:aA;
const WG_SIZE:u32=256;
fn widened(a:u32)->u32{let b=(a&0x8000u)<<16u;let c=a&0x7fffu;if c>=0x7c00u{return b|0x7f800000u|(c<<13u);}if c>=0x0400u{return b|((c<<13u)+(112u<<23u));}if c==0u{return b;}let e=firstLeadingBit(c);return b|((e+103u)<<23u)|((c<<(23u-e))&0x007fffffu);}
fn dL(word:u32)->vec2u{if p.Pa==1u{return vec2u(word<<16u,word&0xffff0000u);}return vec2u(widened(word&0xffffu),widened(word>>16u));}
@compute@workgroup_size(WG_SIZE)fn widen(@builtin(workgroup_id)a:vec3u,@builtin(num_workgroups)b:vec3u,@builtin(local_invocation_index)local:u32,){let c=(a.y*b.x+a.x)*WG_SIZE+local;if c>=p.Oa{return;}let words=dK[c];aD[p.begin+c]=vec4u(dL(words.x),dL(words.y));}
`,
};
