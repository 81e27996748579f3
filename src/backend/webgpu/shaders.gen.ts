/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */

const bits = `const SIGN:u32=0x80000000u;
const MAGNITUDE:u32=0x7fffffffu;
const INFINITE:u32=0x7f800000u;
const NOT_A_NUMBER:u32=0x7fc00000u;
const NO_EXPONENT:i32= -100000;
fn is_finite(word:u32)->bool{
return(word&INFINITE)!=INFINITE;
}
fn is_nan(word:u32)->bool{
return(word&MAGNITUDE)>INFINITE;
}
fn exponent(word:u32)->i32{
let magnitude=word&MAGNITUDE;
if magnitude==0u{return NO_EXPONENT;}
let field=i32(magnitude>>23u);
if field>0{return field-127;}
return i32(firstLeadingBit(magnitude))-149;
}
fn scaled(word:u32,shift:i32)->f32{
let magnitude=word&MAGNITUDE;
var field=i32(magnitude>>23u);
var fraction=magnitude&0x007fffffu;
if field==0{
if magnitude==0u{return 0.0;}
let up=23u-firstLeadingBit(magnitude);
fraction=(magnitude<<up)&0x007fffffu;
field=1-i32(up);
}
field+=shift;
if field<=0{return 0.0;}
return bitcast<f32>((word&SIGN)|(u32(min(field,254))<<23u)|fraction);
}
fn power(exponent:i32)->f32{
return bitcast<f32>(u32(max(exponent,-127)+127)<<23u);
}
fn joined(value:f32,shift:i32)->u32{
let word=bitcast<u32>(value);
let sign=word&SIGN;
let magnitude=word&MAGNITUDE;
if magnitude<0x00800000u{return sign;}
let field=i32(magnitude>>23u)+shift;
let fraction=magnitude&0x007fffffu;
if field>=255{return sign|INFINITE;}
if field>0{return sign|(u32(field)<<23u)|fraction;}
let down=1-field;
if down>24{return sign;}
let full=fraction|0x00800000u;
let cut=full>>u32(down);
let rest=full&((1u<<u32(down))-1u);
let half=1u<<u32(down-1);
let up=rest>half||(rest==half&&(cut&1u)==1u);
return sign|(cut+u32(up));
}
const NEGATIVE_NAN_KEYS:u32=0x007fffffu;
const INFINITE_KEY:u32=0xff000001u;
fn key_of(word:u32)->u32{
let negative=bitcast<u32>(bitcast<i32>(word)>>31u);
return(word^(negative|SIGN))-NEGATIVE_NAN_KEYS;
}
fn finite_word(key:u32)->u32{
let flipped=key+NEGATIVE_NAN_KEYS;
let positive=bitcast<u32>(bitcast<i32>(flipped)>>31u);
return flipped^(~positive|SIGN);
}
fn word_of(key:u32)->u32{
return select(finite_word(key),NOT_A_NUMBER,key>INFINITE_KEY);
}
`;

const chacha20 = `struct ChaCha{a:vec4u,b:vec4u,c:vec4u,d:vec4u}
fn rotated(words:vec4u,left:u32)->vec4u{
return(words<<vec4u(left))|(words>>vec4u(32u-left));
}
fn four_quarter_rounds(state:ChaCha)->ChaCha{
var s=state;
s.a+=s.b;
s.d=rotated(s.d^s.a,16u);
s.c+=s.d;
s.b=rotated(s.b^s.c,12u);
s.a+=s.b;
s.d=rotated(s.d^s.a,8u);
s.c+=s.d;
s.b=rotated(s.b^s.c,7u);
return s;
}
fn chacha20_block(state:ChaCha)->ChaCha{
var s=state;
for(var round=0u;round<20u;round+=2u){
s=four_quarter_rounds(s);
s=four_quarter_rounds(ChaCha(s.a,s.b.yzwx,s.c.zwxy,s.d.wxyz));
s=ChaCha(s.a,s.b.wxyz,s.c.zwxy,s.d.yzwx);
}
return ChaCha(s.a+state.a,s.b+state.b,s.c+state.c,s.d+state.d);
}
`;

const columns = `override WG_SIZE:u32=64;
fn column_of(group:vec3u,groups:vec3u,local:u32)->u32{
return(group.y*groups.x+group.x)*WG_SIZE+local;
}
`;

const distance = `const FARTHEST:u32=0xffffffffu;
const TAME_LEAST:u32=0x0c800000u;
const TAME_END:u32=0x7e800000u;
fn is_tame(word:u32)->bool{
let magnitude=word&MAGNITUDE;
return magnitude==0u||(magnitude>=TAME_LEAST&&magnitude<TAME_END);
}
fn tame_distance_word(word:u32,center:u32)->u32{
return bitcast<u32>(bitcast<f32>(word)-bitcast<f32>(center))&MAGNITUDE;
}
fn distance_word(word:u32,center:u32)->u32{
if word==center&& !is_nan(word){return 0u;}
if!is_finite(word)|| !is_finite(center){return FARTHEST;}
let top=max(exponent(word),exponent(center));
let away=bitcast<u32>(scaled(word,-top)-scaled(center,-top))&MAGNITUDE;
if away==0u{return 0u;}
return away+(bitcast<u32>(top+23)<<23u);
}
fn distance_of(word:u32,center:u32,tame:bool)->u32{
if tame{return tame_distance_word(word,center);}
return distance_word(word,center);
}
`;

const kept = `const SMALL:i32= -80;
struct Kept{least:u32,greatest:u32,top:i32,sum:Sum}
fn nothing_kept()->Kept{
return Kept(0xffffffffu,0u,SMALL,Sum(0.0,0.0));
}
fn scale_of(key:u32)->i32{
return clamp(i32((finite_word(key)>>23u)&0xffu)-127,SMALL,126);
}
fn widened(kept:Kept,least:u32,greatest:u32)->Kept{
let top=max(kept.top,max(scale_of(least),scale_of(greatest)));
let down=power(kept.top-top);
let sum=Sum(kept.sum.high*down,kept.sum.low*down);
return Kept(min(kept.least,least),max(kept.greatest,greatest),top,sum);
}
fn value_of(key:u32,unit:f32)->f32{
return scaled_by(bitcast<f32>(finite_word(key)),unit,p.zero);
}
fn kept_word(kept:Kept,col:u32,begin:u32,end:u32)->u32{
if kept.least==kept.greatest{return word_of(kept.least);}
if kept.top==SMALL{return mean_between(col,kept.least,kept.greatest,begin,end);}
var total=Total(kept.sum,0u);
note_infinities(word_of(kept.least),&total);
note_infinities(word_of(kept.greatest),&total);
return total_word(total,f32(end-begin),kept.top,p.zero);
}
fn mean_between(col:u32,least:u32,greatest:u32,begin:u32,end:u32)->u32{
if least==greatest{return word_of(least);}
var top=NO_EXPONENT;
var total=Total(Sum(0.0,0.0),0u);
measure(word_of(least),&top,&total);
measure(word_of(greatest),&top,&total);
if total.infinities==0u{
var up_to_least=0u;
var below_greatest=0u;
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
let key=key_of(word);
up_to_least+=u32(key<=least);
below_greatest+=u32(key<greatest);
if key<=least||key>=greatest{continue;}
total.sum=add(total.sum,scaled(word,-top),p.zero);
}
let at_least=f32(up_to_least-begin)*scaled(word_of(least),-top);
let at_greatest=f32(end-below_greatest)*scaled(word_of(greatest),-top);
total.sum=add(add(total.sum,at_least,p.zero),at_greatest,p.zero);
}
return total_word(total,f32(end-begin),top,p.zero);
}
`;

const sum = `override compensated:bool=true;
struct Sum{high:f32,low:f32}
fn opaque(value:f32,zero:u32)->f32{
return bitcast<f32>(bitcast<u32>(value)^zero);
}
fn scaled_by(value:f32,unit:f32,zero:u32)->f32{
return opaque(value*unit,zero);
}
fn two_sum(a:f32,b:f32,zero:u32)->Sum{
let s=opaque(a+b,zero);
if!compensated{return Sum(s,0.0);}
let b_part=opaque(s-a,zero);
let a_part=opaque(s-b_part,zero);
return Sum(s,(a-a_part)+(b-b_part));
}
fn add(sum:Sum,value:f32,zero:u32)->Sum{
let next=two_sum(sum.high,value,zero);
return Sum(next.high,sum.low+next.low);
}
fn add_sums(a:Sum,b:Sum,zero:u32)->Sum{
let next=two_sum(a.high,b.high,zero);
return Sum(next.high,next.low+(a.low+b.low));
}
struct Total{sum:Sum,infinities:u32}
const POSITIVE:u32=1u;
const NEGATIVE:u32=2u;
const INVALID:u32=4u;
fn infinity_of(word:u32,factor_sign:u32)->u32{
if is_nan(word){return INVALID;}
return select(POSITIVE,NEGATIVE,((word^factor_sign)&SIGN)!=0u);
}
fn note_infinities(word:u32,total:ptr<function,Total>){
if!is_finite(word){(*total).infinities|=infinity_of(word,0u);}
}
fn measure(word:u32,top:ptr<function,i32>,total:ptr<function,Total>){
if is_finite(word){*top=max(*top,exponent(word));}
note_infinities(word,total);
}
fn quotient(sum:Sum,divisor:f32,zero:u32)->f32{
let first=opaque((sum.high+sum.low)/divisor,zero);
let head=bitcast<f32>(bitcast<u32>(first)&0xfffff000u);
let tail=opaque(first-head,zero);
let missed=opaque(opaque(sum.high-head*divisor,zero)-tail*divisor,zero);
return first+(missed+sum.low)/divisor;
}
fn total_word(total:Total,divisor:f32,shift:i32,zero:u32)->u32{
switch total.infinities{
case 0u:{return joined(quotient(total.sum,divisor,zero),shift);}
case POSITIVE:{return INFINITE;}
case NEGATIVE:{return INFINITE|SIGN;}
default:{return NOT_A_NUMBER;}
}
}
`;

const sums = `struct Sums{high:vec4f,low:vec4f,peak:vec4f}
fn opaque4(values:vec4f,zero:u32)->vec4f{
return bitcast<vec4f>(bitcast<vec4u>(values)^vec4u(zero));
}
fn add4(sums:Sums,terms:vec4f,zero:u32)->Sums{
let peak=max(sums.peak,abs(terms));
let s=opaque4(sums.high+terms,zero);
if!compensated{return Sums(s,sums.low,peak);}
let term_part=opaque4(s-sums.high,zero);
let sum_part=opaque4(s-term_part,zero);
return Sums(s,sums.low+((sums.high-sum_part)+(terms-term_part)),peak);
}
`;

const triangle = `fn place_in_triangle(number:u32,width:u32)->vec2u{
var row=0u;
var rest=number;
while rest>=width-row{
rest-=width-row;
row++;
}
return vec2u(row,row+rest);
}
`;

const words = `const SIGN:u32=0x80000000u;
fn flipped(word:u32)->u32{
return word^SIGN;
}
`;

export type ShaderName =
  | 'add_lattice_noise'
  | 'add_masks'
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
  add_lattice_noise: `${columns}${chacha20}struct Params{draws:u32,cols:u32,first_block:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>tables:array<vec4u>;
@group(0)@binding(3)var<storage,read>program:array<vec4u>;
@group(0)@binding(4)var<storage,read_write>out:array<vec4u>;
@group(0)@binding(5)var<uniform>p:Params;
const STATE_ROWS:u32=4u;
fn drawn(random:vec4u,draw:vec4u)->u32{
let column=random.x&draw.y;
let entry=tables[draw.x+column];
let less=random.yzw<entry.xyz;
let same=random.yzw==entry.xyz;
let below=less.z|(same.z&(less.y|(same.y&less.x)));
return select(entry.w,column-draw.z,below);
}
@compute@workgroup_size(WG_SIZE)
fn add_lattice_noise(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let quad=column_of(group,groups,local);
if 4u*quad>=p.cols{return;}
let count=p.first_block+quad;
var sum=x[starts[0] /4u+quad];
for(var level=0u;level<p.draws;level++){
let draw=program[STATE_ROWS+level];
let last=program[3] +vec4u(count,0u,0u,level);
let block=chacha20_block(ChaCha(program[0],program[1],program[2],last));
sum+=draw.w*vec4u(
drawn(block.a,draw),
drawn(block.b,draw),
drawn(block.c,draw),
drawn(block.d,draw),
);
}
out[quad] =sum;
}
`,
  add_masks: `${chacha20}struct Params{count:u32,added:u32,blocks:u32,first_block:u32,each:u32,first_group:u32}
@group(0)@binding(0)var<storage,read>keys:array<vec4u>;
@group(0)@binding(1)var<storage,read_write>out:array<atomic<u32>>;
@group(0)@binding(2)var<uniform>p:Params;
const WG_SIZE:u32=64u;
const CONSTANTS=vec4u(0x61707865u,0x3320646eu,0x79622d32u,0x6b206574u);
fn add(at:u32,words:vec4u){
atomicAdd(&out[at],words.x);
atomicAdd(&out[at+1u],words.y);
atomicAdd(&out[at+2u],words.z);
atomicAdd(&out[at+3u],words.w);
}
@compute@workgroup_size(WG_SIZE)
fn add_masks(
@builtin(workgroup_id)group:vec3u,
@builtin(local_invocation_index)local:u32,
){
let number=p.first_group+group.x;
let across=(p.blocks+WG_SIZE-1u)/WG_SIZE;
let block=number%across*WG_SIZE+local;
if block>=p.blocks{return;}
let last=vec4u(p.first_block+block,0u,0u,0u);
var sum=ChaCha();
let first=number/across*p.each;
for(var k=first;k<min(p.count,first+p.each);k++){
let stream=chacha20_block(ChaCha(CONSTANTS,keys[2u*k],keys[2u*k+1u],last));
let sign=select(0xffffffffu,1u,k<p.added);
sum.a+=sign*stream.a;
sum.b+=sign*stream.b;
sum.c+=sign*stream.c;
sum.d+=sign*stream.d;
}
add(16u*block,sum.a);
add(16u*block+4u,sum.b);
add(16u*block+8u,sum.c);
add(16u*block+12u,sum.d);
}
`,
  add_simulated_noise: `${columns}${chacha20}struct Params{laplace:u32,cols:u32,scale:u32,first_block:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4f>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>state:array<vec4u>;
@group(0)@binding(3)var<storage,read_write>out:array<vec4f>;
@group(0)@binding(4)var<uniform>p:Params;
const ROOT_HALF=vec4u(0x3f3504f3u);
fn minus_log(words:vec4u)->vec4f{
let bits=bitcast<vec4u>(vec4f((words>>vec4u(8u))+1u))-ROOT_HALF;
let m=bitcast<vec4f>((bits&vec4u(0x7fffffu))+ROOT_HALF);
let s=(m-1.0)/(m+1.0);
let t=s*s;
let series=s*(2.0+t*(2.0/3.0+t*(2.0/5.0+t*(2.0/7.0+t*(2.0/9.0)))));
return(24.0-vec4f(bits>>vec4u(23u)))*0.69314718-series;
}
fn cosine(words:vec4u)->vec4f{
let c=abs(vec4f(words>>vec4u(8u))*0x1p-22-2.0)-1.0;
let t=c*c;
let tail= -4.6817541e-3+t*(1.6044118e-4-t*3.5988432e-6);
return c*(1.5707964+t*(-0.6459641+t*(0.079692626+t*tail)));
}
@compute@workgroup_size(WG_SIZE)
fn add_simulated_noise(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let quad=column_of(group,groups,local);
if 4u*quad>=p.cols{return;}
let count=vec4u(p.first_block+quad,0u,0u,0u);
let block=chacha20_block(ChaCha(state[0],state[1],state[2],state[3] +count));
let size=minus_log(vec4u(block.a.x,block.b.x,block.c.x,block.d.x));
let second=vec4u(block.a.y,block.b.y,block.c.y,block.d.y);
var drawn=sqrt(2.0*size)*cosine(second);
if p.laplace==1u{drawn=select(size,-size,second>=vec4u(0x80000000u));}
out[quad] =x[starts[0] /4u+quad] +bitcast<f32>(p.scale)*drawn;
}
`,
  combine: `${bits}${sum}${sums}${columns}struct Params{rows:u32,cols:u32,stride:u32,outputs:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>factors:array<vec4u>;
@group(0)@binding(3)var<storage,read>weights:array<vec2u>;
@group(0)@binding(4)var<storage,read_write>out:array<vec4u>;
@group(0)@binding(5)var<uniform>p:Params;
override OUTPUTS:u32=1;
const LARGE:u32=0x6f800000u;
struct Target{first:u32,col:u32}
fn write(sums:Sums,largest:vec4u,header:vec2u,place:Target,k:u32)->u32{
let output=place.first+k;
if output>=p.outputs{return 0u;}
let shift=bitcast<i32>(header.x);
let values=sums.high+sums.low;
out[(output*p.stride+place.col)/4u] =vec4u(
joined(values.x,shift),
joined(values.y,shift),
joined(values.z,shift),
joined(values.w,shift),
);
let sure=(sums.peak>=vec4f(bitcast<f32>(header.y)))&(largest<vec4u(LARGE));
let unsure= !(sure|(largest==vec4u(0u)));
return dot(vec4u(unsure),vec4u(1u,2u,4u,8u))<<(4u*k);
}
fn word_at(row:u32,col:u32)->u32{
let at=starts[row] +col;
return x[at/4u][at%4u];
}
fn looked_up(output:u32,col:u32)->u32{
let first=output*p.rows;
var top=NO_EXPONENT;
var total=Total(Sum(0.0,0.0),0u);
for(var i=0u;i<p.rows;i++){
let weight=weights[first+i];
if weight.x==0u{continue;}
let word=word_at(i,col);
if is_finite(word){
top=max(top,exponent(word)+bitcast<i32>(weight.y));
}else{
total.infinities|=infinity_of(word,weight.x);
}
}
for(var i=0u;i<p.rows&&total.infinities==0u;i++){
let weight=weights[first+i];
if weight.x==0u{continue;}
let term=scaled(word_at(i,col),bitcast<i32>(weight.y)-top);
total.sum=add(total.sum,bitcast<f32>(weight.x)*term,p.zero);
}
return total_word(total,1.0,top,p.zero);
}
@compute@workgroup_size(WG_SIZE)
fn combine(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let place=Target(group.z*OUTPUTS,4u*column_of(group,groups,local));
if place.col>=p.cols{return;}
let first=group.z*(p.rows+2u);
var largest=vec4u(0u);
var a=Sums(vec4f(0.0),vec4f(0.0),vec4f(0.0));
var b=a;
var c=a;
var d=a;
for(var i=0u;i<p.rows;i++){
let factor_words=factors[first+2u+i];
if all(factor_words==vec4u(0u)){continue;}
let words=x[(starts[i] +place.col)/4u];
largest=max(largest,words&vec4u(MAGNITUDE));
let values=bitcast<vec4f>(words);
let factor=bitcast<vec4f>(factor_words);
a=add4(a,factor.x*values,p.zero);
if OUTPUTS>1u{b=add4(b,factor.y*values,p.zero);}
if OUTPUTS>2u{c=add4(c,factor.z*values,p.zero);}
if OUTPUTS>3u{d=add4(d,factor.w*values,p.zero);}
}
let exponents=factors[first];
let floors=factors[first+1u];
var unsure=write(a,largest,vec2u(exponents.x,floors.x),place,0u);
if OUTPUTS>1u{unsure|=write(b,largest,vec2u(exponents.y,floors.y),place,1u);}
if OUTPUTS>2u{unsure|=write(c,largest,vec2u(exponents.z,floors.z),place,2u);}
if OUTPUTS>3u{unsure|=write(d,largest,vec2u(exponents.w,floors.w),place,3u);}
for(;unsure>0u;unsure&=unsure-1u){
let bit=firstTrailingBit(unsure);
let output=place.first+bit/4u;
let col=place.col+bit%4u;
if col>=p.cols{continue;}
out[(output*p.stride+col)/4u][col%4u] =looked_up(output,col);
}
}
`,
  deviation: `${bits}${sum}${columns}struct Params{rows:u32,cols:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn deviation(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
var top=NO_EXPONENT;
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
if!is_finite(word){
out[col] =NOT_A_NUMBER;
return;
}
top=max(top,exponent(word));
}
var sum=Sum(0.0,0.0);
for(var i=0u;i<p.rows;i++){
sum=add(sum,scaled(x[starts[i] +col],-top),p.zero);
}
let mean=opaque((sum.high+sum.low)/f32(p.rows),p.zero);
var squares=Sum(0.0,0.0);
var rest=Sum(0.0,0.0);
for(var i=0u;i<p.rows;i++){
let difference=opaque(scaled(x[starts[i] +col],-top)-mean,p.zero);
squares=add(squares,difference*difference,p.zero);
rest=add(rest,difference,p.zero);
}
let left=rest.high+rest.low;
let variance=max(0.0,squares.high+squares.low-left*left/f32(p.rows));
out[col] =joined(sqrt(variance/f32(p.rows-1u)),top);
}
`,
  nearest_mean: `${bits}${sum}${columns}${distance}struct Params{rows:u32,cols:u32,count:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>centers:array<u32>;
@group(0)@binding(3)var<storage,read_write>out:array<u32>;
@group(0)@binding(4)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn nearest_mean(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
let center=centers[col];
#slot sort
if tame{
var far=FARTHEST;
var left=p.count;
var largest=0u;
var bits=0u;
var total=Total(Sum(0.0,0.0),0u);
#slot tame
out[col] =select(total_word(total,f32(p.count),top,p.zero),bits,p.count==1u);
return;
}
#slot list
for(var i=0u;i<p.rows;i++){away[i] =distance_word(words[i],center);}
var far=FARTHEST;
for(var i=0u;i+p.count<=p.rows;i++){
far=min(far,max(away[i],away[i+p.count-1u]));
}
var left=p.count;
for(var i=0u;i<p.rows;i++){left-=u32(away[i] <far);}
var taken=0u;
for(var i=0u;i<p.rows;i++){
if away[i] >far||(away[i] ==far&&left==0u){continue;}
left-=u32(away[i] ==far);
words[taken] =words[i];
taken++;
}
if p.count==1u{
out[col] =word_of(key_of(words[0]));
return;
}
var top=NO_EXPONENT;
var total=Total(Sum(0.0,0.0),0u);
for(var i=0u;i<p.count;i++){measure(words[i],&top,&total);}
for(var i=0u;i<p.count&&total.infinities==0u;i++){
total.sum=add(total.sum,scaled(words[i],-top),p.zero);
}
out[col] =total_word(total,f32(p.count),top,p.zero);
}
`,
  nearest_mean_search: `${bits}${sum}${columns}${distance}struct Params{rows:u32,cols:u32,count:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>centers:array<u32>;
@group(0)@binding(3)var<storage,read_write>out:array<u32>;
@group(0)@binding(4)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn nearest_mean_search(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
let center=centers[col];
var tame=is_tame(center);
for(var i=0u;i<p.rows&&tame;i++){tame=is_tame(x[starts[i] +col]);}
var far=0u;
for(var bit=SIGN;bit>0u;bit>>=1u){
var below=0u;
for(var i=0u;i<p.rows;i++){
below+=u32(distance_of(x[starts[i] +col],center,tame)<(far|bit));
}
if below<p.count{far|=bit;}
}
var nearer=0u;
for(var i=0u;i<p.rows;i++){
nearer+=u32(distance_of(x[starts[i] +col],center,tame)<far);
}
let last=p.count-nearer-1u;
var bound=0u;
for(var bit=SIGN;bit>0u;bit>>=1u){
var below=0u;
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
let at_bound=distance_of(word,center,tame)==far;
below+=u32(at_bound&&key_of(word)<(bound|bit));
}
if below<=last{bound|=bit;}
}
if p.count==1u{
out[col] =word_of(bound);
return;
}
var top=NO_EXPONENT;
var below_bound=0u;
var total=Total(Sum(0.0,0.0),0u);
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
let away=distance_of(word,center,tame);
let key=key_of(word);
if away>far||(away==far&&key>bound){continue;}
below_bound+=u32(away==far&&key<bound);
measure(word,&top,&total);
}
if total.infinities==0u{
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
let away=distance_of(word,center,tame);
if away<far||(away==far&&key_of(word)<bound){
total.sum=add(total.sum,scaled(word,-top),p.zero);
}
}
let copies=f32(p.count-nearer-below_bound);
total.sum=add(total.sum,copies*scaled(word_of(bound),-top),p.zero);
}
out[col] =total_word(total,f32(p.count),top,p.zero);
}
`,
  pair_sums: `${bits}${sum}${triangle}struct Params{
tiles:u32,
cells:u32,
first_tile:u32,
tiles_per_side:u32,
blocks_on:u32,
blocks_off:u32,
lanes_on:u32,
lanes_off:u32,
slices:u32,
slices_per_block:u32,
zero:u32,
}
@group(0)@binding(0)var<storage,read>parts:array<vec4f>;
@group(0)@binding(1)var<storage,read_write>out:array<vec4f>;
@group(0)@binding(2)var<uniform>p:Params;
const WG_SIZE:u32=64;
const PART:u32=16u*256u;
@compute@workgroup_size(WG_SIZE)
fn pair_sums(
@builtin(workgroup_id)group:vec3u,
@builtin(local_invocation_index)local:u32,
){
let cell=group.y*WG_SIZE+local;
let tile=group.x;
let tile_place=place_in_triangle(p.first_tile+tile,p.tiles_per_side);
let diagonal=tile_place.x==tile_place.y;
let blocks=select(p.blocks_off,p.blocks_on,diagonal);
let lanes=select(p.lanes_off,p.lanes_on,diagonal);
if cell>=16u*blocks{return;}
let first=group.z*p.slices_per_block;
let last=min(p.slices,first+p.slices_per_block);
var product=Sum(0.0,0.0);
var distance=Sum(0.0,0.0);
for(var slice=first;slice<last;slice++){
let part=(slice*p.tiles+tile)*PART+(cell/blocks)*256u+cell%blocks;
for(var lane=0u;lane<lanes;lane++){
let sums=parts[part+lane*blocks];
product=add_sums(product,Sum(sums.x,sums.y),p.zero);
distance=add_sums(distance,Sum(sums.z,sums.w),p.zero);
}
}
out[(group.z*p.tiles+tile)*p.cells+cell] =
vec4f(product.high,product.low,distance.high,distance.low);
}
`,
  pairs: `${bits}${sum}${triangle}override general:bool=false;
const GENERAL:i32=100000;
const WG_SIZE:u32=256;
const RUN:u32=8;
const RUNS:u32=4;
struct Params{
rows:u32,
cols:u32,
block_cols:u32,
slice_cols:u32,
slices_per_block:u32,
tiles_per_side:u32,
side:u32,
groups:u32,
lanes_on:u32,
lanes_off:u32,
chunk_on:u32,
chunk_off:u32,
first_slice:u32,
first_tile:u32,
zero:u32,
}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>units:array<i32>;
@group(0)@binding(3)var<storage,read_write>out:array<vec4f>;
@group(0)@binding(4)var<uniform>p:Params;
var<workgroup>sh_rows:array<vec4f,1024>;
const HALF:u32=512;
struct Parts{high:vec4f,low:vec4f}
fn powers(shift:vec4i)->vec4f{
return bitcast<vec4f>(vec4u(max(shift+vec4i(127),vec4i(0)))<<vec4u(23u));
}
fn down(own:i32,others:vec4i)->vec4f{
return powers(vec4i(own)-max(vec4i(own),others));
}
fn units_of(first:u32,row:u32)->vec4i{
let at=vec4u(first)+min(vec4u(row)+vec4u(0u,1u,2u,3u),vec4u(p.rows-1u));
return vec4i(units[at.x],units[at.y],units[at.z],units[at.w]);
}
fn opaque_vector(values:vec4f)->vec4f{
return bitcast<vec4f>(bitcast<vec4u>(values)^vec4u(p.zero));
}
fn settled(high:vec4f,low:vec4f)->Parts{
let next=opaque_vector(high+low);
if!compensated{return Parts(next,vec4f(0.0));}
return Parts(next,low-opaque_vector(next-high));
}
fn scaled_words(words:vec4u,factor:f32,tiny:f32)->vec4f{
let field=words&vec4u(INFINITE);
let finite=select(words,vec4u(0u),field==vec4u(INFINITE));
let fraction=vec4f(finite&vec4u(0x007fffffu))*tiny;
let small=bitcast<vec4f>(bitcast<vec4u>(fraction)|(finite&vec4u(SIGN)));
return select(bitcast<vec4f>(finite)*factor,small,field==vec4u(0u));
}
@compute@workgroup_size(WG_SIZE)
fn pairs(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)launched:vec3u,
@builtin(local_invocation_index)local:u32,
){
let tile=p.first_tile+group.x;
let tile_place=place_in_triangle(tile,p.tiles_per_side);
let tile_a=tile_place.x;
let tile_b=tile_place.y;
let diagonal=tile_a==tile_b;
let tiles=p.tiles_per_side*(p.tiles_per_side+1u)/2u;
let slice=p.first_slice+group.y;
let block=slice/p.slices_per_block;
let begin=block*p.block_cols+(slice%p.slices_per_block)*p.slice_cols;
let end=min(p.cols,min((block+1u)*p.block_cols,begin+p.slice_cols));
let first_unit=block*(p.rows+tiles);
let shared_unit=units[first_unit+p.rows+tile];
if general!=(shared_unit==GENERAL){return;}
let lanes=select(p.lanes_off,p.lanes_on,diagonal);
let chunk=select(p.chunk_off,p.chunk_on,diagonal);
let blocks=select(p.groups*p.groups,p.groups*(p.groups+1u)/2u,diagonal);
let lane=local/blocks;
let number=local%blocks;
var place=vec2u(number/p.groups,number%p.groups);
if diagonal{place=place_in_triangle(number,p.groups);}
let group_a=place.x;
let group_b=place.y;
let place_b=select(HALF,0u,diagonal);
let stages_b= !diagonal&&local>=WG_SIZE/2u;
let task=select(local%(WG_SIZE/2u),local,diagonal);
let task_group=task%p.groups;
let task_col=4u*(task/p.groups);
let task_row=select(tile_a,tile_b,stages_b)*p.side+4u*task_group;
let task_place=select(0u,HALF,stages_b)+task_col*p.groups+task_group;
let last=p.rows-1u;
let rows=vec4u(task_row)+vec4u(0u,1u,2u,3u);
let present=rows<vec4u(p.rows);
let near=min(rows,vec4u(p.rows-1u));
let start=vec4u(starts[near.x],starts[near.y],starts[near.z],starts[near.w]);
var shift=vec4i(-shared_unit);
if general{shift= -units_of(first_unit,task_row);}
let factor=powers(shift);
let tiny=powers(shift-vec4i(149));
var to_a=mat4x4f();
var to_b=mat4x4f();
if general{
let a=units_of(first_unit,tile_a*p.side+4u*group_a);
let b=units_of(first_unit,tile_b*p.side+4u*group_b);
to_a=mat4x4f(down(a.x,b),down(a.y,b),down(a.z,b),down(a.w,b));
to_b=transpose(mat4x4f(down(b.x,a),down(b.y,a),down(b.z,a),down(b.w,a)));
}
var product_high=mat4x4f();
var product_low=mat4x4f();
var distance_high=mat4x4f();
var distance_low=mat4x4f();
var runs=0u;
for(var first=begin;first<end;first+=chunk){
let col=first+task_col;
if task_col<chunk{
var words=mat4x4f();
if col<end{
let quad=(start+vec4u(col))/vec4u(4u);
let words_a=x[quad.x];
let words_b=x[quad.y];
let words_c=x[quad.z];
let words_d=x[quad.w];
let inside=vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end);
words[0] =scaled_words(
select(vec4u(0u),words_a,inside&vec4<bool>(present.x)),factor.x,tiny.x,
);
words[1] =scaled_words(
select(vec4u(0u),words_b,inside&vec4<bool>(present.y)),factor.y,tiny.y,
);
words[2] =scaled_words(
select(vec4u(0u),words_c,inside&vec4<bool>(present.z)),factor.z,tiny.z,
);
words[3] =scaled_words(
select(vec4u(0u),words_d,inside&vec4<bool>(present.w)),factor.w,tiny.w,
);
}
let columns=transpose(words);
sh_rows[task_place] =columns[0];
sh_rows[task_place+p.groups] =columns[1];
sh_rows[task_place+2u*p.groups] =columns[2];
sh_rows[task_place+3u*p.groups] =columns[3];
}
workgroupBarrier();
let width=min(chunk,end-first);
if lane<lanes{
for(var step=lane;step<width;step+=RUN*lanes){
var product=mat4x4f();
var distance=mat4x4f();
var at=step*p.groups;
for(var k=0u;k<RUN;k++){
let a=sh_rows[at+group_a];
let b=sh_rows[place_b+at+group_b];
at+=lanes*p.groups;
product[0] =fma(vec4f(a.x),b,product[0]);
product[1] =fma(vec4f(a.y),b,product[1]);
product[2] =fma(vec4f(a.z),b,product[2]);
product[3] =fma(vec4f(a.w),b,product[3]);
var away_x=a.x-b;
var away_y=a.y-b;
var away_z=a.z-b;
var away_w=a.w-b;
if general{
away_x=a.x*to_a[0] -b*to_b[0];
away_y=a.y*to_a[1] -b*to_b[1];
away_z=a.z*to_a[2] -b*to_b[2];
away_w=a.w*to_a[3] -b*to_b[3];
}
distance[0] =fma(away_x,away_x,distance[0]);
distance[1] =fma(away_y,away_y,distance[1]);
distance[2] =fma(away_z,away_z,distance[2]);
distance[3] =fma(away_w,away_w,distance[3]);
}
product_low+=product;
distance_low+=distance;
runs++;
if runs%RUNS==0u{
settle(&product_high,&product_low);
settle(&distance_high,&distance_low);
}
}
}
workgroupBarrier();
}
if lane>=lanes{return;}
settle(&product_high,&product_low);
settle(&distance_high,&distance_low);
let cell=(group.y*launched.x+group.x)*16u*WG_SIZE+local;
write(cell,product_high[0],product_low[0],distance_high[0],distance_low[0]);
write(cell+4u*WG_SIZE,product_high[1],product_low[1],distance_high[1],distance_low[1]);
write(cell+8u*WG_SIZE,product_high[2],product_low[2],distance_high[2],distance_low[2]);
write(cell+12u*WG_SIZE,product_high[3],product_low[3],distance_high[3],distance_low[3]);
}
fn write(at:u32,product_high:vec4f,product_low:vec4f,distance_high:vec4f,distance_low:vec4f){
let cells=transpose(mat4x4f(product_high,product_low,distance_high,distance_low));
out[at] =cells[0];
out[at+WG_SIZE] =cells[1];
out[at+2u*WG_SIZE] =cells[2];
out[at+3u*WG_SIZE] =cells[3];
}
fn settle(high:ptr<function,mat4x4f>,low:ptr<function,mat4x4f>){
let a=settled((*high)[0],(*low)[0]);
let b=settled((*high)[1],(*low)[1]);
let c=settled((*high)[2],(*low)[2]);
let d=settled((*high)[3],(*low)[3]);
*high=mat4x4f(a.high,b.high,c.high,d.high);
*low=mat4x4f(a.low,b.low,c.low,d.low);
}
`,
  rank_mean: `${bits}${sum}${columns}${kept}struct Params{rows:u32,cols:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn rank_mean(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
#slot sort
out[col] =word;
}
`,
  rank_mean_search: `${bits}${sum}${columns}${kept}struct Params{rows:u32,cols:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn rank_mean_search(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
var low=0u;
var high=0u;
for(var bit=SIGN;bit>0u;bit>>=1u){
var below_low=0u;
var below_high=0u;
for(var i=0u;i<p.rows;i++){
let key=key_of(x[starts[i] +col]);
below_low+=u32(key<(low|bit));
below_high+=u32(key<(high|bit));
}
if below_low<=p.begin{low|=bit;}
if below_high<=p.end-1u{high|=bit;}
}
out[col] =mean_between(col,low,high,p.begin,p.end);
}
`,
  rank_mean_split: `${bits}${sum}${columns}${kept}struct Params{rows:u32,cols:u32,begin:u32,end:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
override RUNS:u32=2;
const DROPPED:u32=0xffffffffu;
override WORDS:u32=4096;
var<workgroup>sh_keys:array<u32,WORDS>;
struct Place{run:i32,across:u32,column:u32}
struct Facing{at:u32,missing:bool,edge:u32,wins_ties:bool}
fn facing(place:Place,sum:i32)->Facing{
let half=i32(RUNS/2u);
let run=sum-place.run;
let missing=run<0||run>=half;
let at=(place.across+u32(clamp(run,0,half-1)))*WG_SIZE+place.column;
let edge=select(0u,DROPPED,run>=half);
return Facing(at,missing,edge,!missing&&place.across>0u);
}
fn met(other:Facing,published:u32)->u32{
return select(published,other.edge,other.missing);
}
fn is_lower(key:u32,other:Facing,published:u32)->bool{
let met=met(other,published);
return key<met||(key==met&&other.wins_ties);
}
fn kept_value(key:u32,unit:f32)->f32{
return select(value_of(key,unit),0.0,key==DROPPED);
}
fn key_at(row:u32,col:u32)->u32{
if row>=p.rows{return DROPPED;}
return min(key_of(x[starts[row] +col]),DROPPED-1u);
}
@compute@workgroup_size(WG_SIZE,RUNS)
fn rank_mean_split(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_id)id:vec3u,
@builtin(local_invocation_index)local:u32,
){
let true_col=column_of(group,groups,id.x);
let col=min(true_col,p.cols-1u);
let run=id.y;
#slot load
for(var size=1u;size<RUNS/2u;size*=2u){
{
let other=run^(2u*size-1u);
let partner=other*WG_SIZE+id.x;
let lower=run<other;
#slot end_to_end
}
for(var apart=size/2u;apart>0u;apart/=2u){
let other=run^apart;
let partner=other*WG_SIZE+id.x;
let lower=run<other;
#slot side_by_side
}
{
#slot merge
}
}
let half=RUNS/2u;
let place=Place(i32(run%half),select(half,0u,run>=half),id.x);
var least=DROPPED;
var above=0u;
#slot select
workgroupBarrier();
sh_keys[local] =least;
sh_keys[WG_SIZE*RUNS+local] =above;
workgroupBarrier();
for(var other=id.x;other<WG_SIZE*RUNS;other+=WG_SIZE){
least=min(least,sh_keys[other]);
above=max(above,sh_keys[WG_SIZE*RUNS+other]);
}
if p.end-p.begin==1u{least=above-1u;}
var kept=widened(nothing_kept(),least,above-1u);
#slot add
workgroupBarrier();
sh_keys[local] =bitcast<u32>(kept.sum.high);
sh_keys[WG_SIZE*RUNS+local] =bitcast<u32>(kept.sum.low);
workgroupBarrier();
if run>0u||true_col>=p.cols{return;}
for(var other=id.x+WG_SIZE;other<WG_SIZE*RUNS;other+=WG_SIZE){
let high=bitcast<f32>(sh_keys[other]);
let low=bitcast<f32>(sh_keys[WG_SIZE*RUNS+other]);
kept.sum=add_sums(kept.sum,Sum(high,low),p.zero);
}
out[col] =kept_word(kept,col,p.begin,p.end);
}
`,
  rank_mean_stream: `${bits}${sum}${columns}${kept}struct Params{rows:u32,cols:u32,begin:u32,end:u32,chunk:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn rank_mean_stream(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
var kept=nothing_kept();
var row=p.begin+p.rows-p.end;
#slot fill
for(;row+p.chunk<=p.rows;row+=p.chunk){
#slot step
}
for(;row<p.rows;row++){
#slot insert
}
out[col] =kept_word(kept,col,p.begin,p.end);
}
`,
  rank_sum: `${columns}${words}struct Params{rows:u32,cols:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn rank_sum(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
#slot sort
out[col] =word;
}
`,
  rank_sum_search: `${columns}${words}struct Params{rows:u32,cols:u32,begin:u32,end:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<u32>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn rank_sum_search(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=column_of(group,groups,local);
if col>=p.cols{return;}
var low=0u;
var high=0u;
for(var bit=SIGN;bit>0u;bit>>=1u){
var below_low=0u;
var below_high=0u;
for(var i=0u;i<p.rows;i++){
let key=flipped(x[starts[i] +col]);
below_low+=u32(key<(low|bit));
below_high+=u32(key<(high|bit));
}
if below_low<=p.begin{low|=bit;}
if below_high<=p.end-1u{high|=bit;}
}
var sum=0u;
var above_low=0u;
var below_high=0u;
for(var i=0u;i<p.rows;i++){
let word=x[starts[i] +col];
let key=flipped(word);
sum+=select(0u,word,key>low&&key<high);
above_low+=u32(key>low);
below_high+=u32(key<high);
}
let of_low=p.rows-p.begin-above_low;
let of_high=p.end-below_high;
let ends=of_low*flipped(low)+of_high*flipped(high);
out[col] =select(sum+ends,(p.end-p.begin)*flipped(low),low==high);
}
`,
  screen: `${bits}${sum}struct Params{rows:u32,cols:u32,block_cols:u32,first_col:u32,first_block:u32,zero:u32}
struct Look{
non_finite:u32,
exponent:i32,
high:f32,
low:f32,
print:vec2u,
}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<Look>;
@group(0)@binding(3)var<uniform>p:Params;
const WG_SIZE:u32=256;
const GROUP_ROWS:u32=4;
const HEADROOM:i32=30;
const MAX_SHIFT:i32=126;
const FIRST_LIMIT:u32=32u<<23u;
struct Seen{
non_finite:u32,
largest:u32,
limit:u32,
shift:i32,
sum:Sum,
print:vec2u,
}
var<workgroup>sh_sums:array<vec4u,WG_SIZE>;
var<workgroup>sh_prints:array<vec2u,WG_SIZE>;
fn mix(words:vec4u)->vec4u{
var h=words;
h=(h^(h>>vec4u(16u)))*0x85ebca6bu;
h=(h^(h>>vec4u(13u)))*0xc2b2ae35u;
return h^(h>>vec4u(16u));
}
fn total_of(words:vec4u)->u32{
return(words.x+words.y)+(words.z+words.w);
}
fn shift_of(top:i32)->i32{
return min(HEADROOM-top,MAX_SHIFT);
}
fn with_words(before:Seen,words:vec4u,low_numbers:vec4u,high_numbers:vec4u)->Seen{
var seen=before;
let folded=words^(words>>vec4u(15u));
seen.print+=vec2u(total_of(folded*low_numbers),total_of(folded*high_numbers));
let magnitudes=words&vec4u(MAGNITUDE);
let finite=magnitudes<vec4u(INFINITE);
seen.non_finite+=total_of(select(vec4u(1u),vec4u(0u),finite));
let kept=select(vec4u(0u),magnitudes,finite);
let largest=max(max(kept.x,kept.y),max(kept.z,kept.w));
seen.largest=max(seen.largest,largest);
if largest>=seen.limit{
let shift=shift_of(exponent(largest));
let factor=power(2*(shift-seen.shift));
seen.sum=Sum(seen.sum.high*factor,seen.sum.low*factor);
seen.shift=shift;
seen.limit=((largest>>23u)+1u)<<23u;
}
let subnormal=kept<vec4u(0x00800000u);
let small=vec4f(kept)*power(seen.shift-149);
let values=select(bitcast<vec4f>(kept)*power(seen.shift),small,subnormal);
let squares=values*values;
seen.sum=add(seen.sum,(squares.x+squares.y)+(squares.z+squares.w),p.zero);
return seen;
}
fn words_at(start:u32,col:u32,end:u32)->vec4u{
let words=x[(start+col)/4u];
if col+4u<=end{return words;}
return select(vec4u(0u),words,vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end));
}
fn joined_looks(a:Look,b:Look)->Look{
let top=max(a.exponent,b.exponent);
let to_a=power(2*(shift_of(top)-shift_of(a.exponent)));
let to_b=power(2*(shift_of(top)-shift_of(b.exponent)));
let sum=add_sums(
Sum(a.high*to_a,a.low*to_a),Sum(b.high*to_b,b.low*to_b),p.zero,
);
return Look(a.non_finite+b.non_finite,top,sum.high,sum.low,a.print+b.print);
}
fn keep(local:u32,look:Look){
sh_sums[local] =vec4u(
look.non_finite,bitcast<u32>(look.exponent),bitcast<u32>(look.high),bitcast<u32>(look.low),
);
sh_prints[local] =look.print;
}
fn kept(local:u32)->Look{
let sums=sh_sums[local];
return Look(
sums.x,bitcast<i32>(sums.y),bitcast<f32>(sums.z),bitcast<f32>(sums.w),sh_prints[local],
);
}
fn finish(seen:Seen,row:u32,block:u32,local:u32){
var look=Look(
seen.non_finite,exponent(seen.largest),seen.sum.high,seen.sum.low,seen.print,
);
workgroupBarrier();
keep(local,look);
for(var half=WG_SIZE/2u;half>0u;half/=2u){
workgroupBarrier();
if local<half{
look=joined_looks(look,kept(local+half));
keep(local,look);
}
}
if local==0u{out[block*p.rows+row] =look;}
}
@compute@workgroup_size(WG_SIZE)
fn screen(
@builtin(workgroup_id)group:vec3u,
@builtin(local_invocation_index)local:u32,
){
let block=p.first_block+group.y;
let begin=block*p.block_cols;
let end=min(p.cols,begin+p.block_cols);
let row=group.x*GROUP_ROWS;
let last=p.rows-1u;
let start_a=starts[row];
let start_b=starts[min(row+1u,last)];
let start_c=starts[min(row+2u,last)];
let start_d=starts[min(row+3u,last)];
let nothing=Seen(0u,0u,FIRST_LIMIT,MAX_SHIFT,Sum(0.0,0.0),vec2u(0u,0u));
var a=nothing;
var b=nothing;
var c=nothing;
var d=nothing;
for(var col=begin+4u*local;col<end;col+=4u*WG_SIZE){
var words_a=words_at(start_a,col,end);
var words_b=words_at(start_b,col,end);
var words_c=words_at(start_c,col,end);
var words_d=words_at(start_d,col,end);
let place=vec4u(p.first_col+col)+vec4u(0u,1u,2u,3u);
let low_numbers=mix(place*0x9e3779b1u)|vec4u(1u);
let high_numbers=mix(place*0x85ebca77u)|vec4u(1u);
for(var k=0u;k<GROUP_ROWS;k++){
let seen=with_words(a,words_a,low_numbers,high_numbers);
a=b;
b=c;
c=d;
d=seen;
words_a=words_b;
words_b=words_c;
words_c=words_d;
}
}
for(var k=0u;k<min(GROUP_ROWS,p.rows-row);k++){
finish(a,row+k,block,local);
a=b;
b=c;
c=d;
}
}
`,
  self_test: `${bits}${sum}struct Params{count:u32,zero:u32}
@group(0)@binding(0)var<storage,read>x:array<u32>;
@group(0)@binding(1)var<storage,read_write>out:array<u32>;
@group(0)@binding(2)var<uniform>p:Params;
@compute@workgroup_size(1)
fn self_test(){
for(var i=0u;i<p.count;i++){
let word=x[i];
let at=8u*i;
out[at] =u32(is_finite(word))|(u32(is_nan(word))<<1u);
out[at+1u] =key_of(word);
out[at+2u] =word_of(key_of(word));
if is_finite(word){
out[at+3u] =bitcast<u32>(exponent(word));
let unit=scaled(word,-exponent(word));
out[at+4u] =bitcast<u32>(unit);
out[at+5u] =joined(unit,exponent(word));
let sum=add(add(Sum(33554432.0,0.0),unit,p.zero),-33554432.0,p.zero);
out[at+6u] =bitcast<u32>(sum.high+sum.low);
}
}
}
`,
  sign_sum: `${bits}${columns}struct Params{rows:u32,cols:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<vec4u>;
@group(0)@binding(3)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn sign_sum(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let col=4u*column_of(group,groups,local);
if col>=p.cols{return;}
var sum=vec4i(0);
for(var i=0u;i<p.rows;i++){
let words=x[(starts[i] +col)/4u];
let magnitude=words&vec4u(MAGNITUDE);
let sign=(bitcast<vec4i>(words)>>vec4u(31u))|vec4i(1);
let counts=(magnitude>vec4u(0u))&(magnitude<=vec4u(INFINITE));
sum+=select(vec4i(0),sign,counts);
}
out[col/4u] =bitcast<vec4u>(vec4f(sum));
}
`,
  squared_distances: `${triangle}struct Params{
rows:u32,
cols:u32,
block_cols:u32,
slice_cols:u32,
slices_per_block:u32,
tiles_per_side:u32,
side:u32,
groups:u32,
lanes_on:u32,
lanes_off:u32,
chunk_on:u32,
chunk_off:u32,
first_slice:u32,
first_tile:u32,
}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read_write>out:array<atomic<u32>>;
@group(0)@binding(3)var<uniform>p:Params;
const WG_SIZE:u32=256;
const RUN:u32=8;
const RUNS:u32=3;
const BOUND:u32=0x01ffffffu;
const OVER:u32=1u;
const WIDE:u32=2u;
var<workgroup>sh_rows:array<vec4i,1024>;
const HALF:u32=512;
struct Terms{high:vec4u,cross:vec4i,low:vec4u}
struct Sums{low:vec4u,high:vec4u}
fn with_square(terms:Terms,difference:vec4i)->Terms{
let h=difference>>vec4u(13u);
let l=difference&vec4i(0x1fff);
return Terms(
terms.high+vec4u(h*h),
terms.cross+h*l,
terms.low+vec4u(l*l),
);
}
fn plus(sums:Sums,low:vec4u,high:vec4u)->Sums{
let next=sums.low+low;
return Sums(next,sums.high+high+vec4u(next<low));
}
fn with_terms(sums:Sums,terms:Terms)->Sums{
let high=plus(sums,terms.high<<vec4u(26u),terms.high>>vec4u(6u));
let cross=bitcast<vec4u>(terms.cross<<vec4u(14u));
let both=plus(high,cross,bitcast<vec4u>(terms.cross>>vec4u(18u)));
return plus(both,terms.low,vec4u(0u));
}
fn too_large(words:vec4u)->vec4<bool>{
return words+vec4u(BOUND)>vec4u(2u*BOUND);
}
fn put(at:u32,low:u32,high:u32){
let next=atomicAdd(&out[at],low)+low;
let more=high+u32(next<low);
if atomicAdd(&out[at+1u],more)+more<more{atomicOr(&out[at+2u],OVER);}
}
@compute@workgroup_size(WG_SIZE)
fn squared_distances(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)launched:vec3u,
@builtin(local_invocation_index)local:u32,
){
let tile_place=place_in_triangle(p.first_tile+group.x,p.tiles_per_side);
let tile_a=tile_place.x;
let tile_b=tile_place.y;
let diagonal=tile_a==tile_b;
let slice=p.first_slice+group.y;
let block=slice/p.slices_per_block;
let begin=block*p.block_cols+(slice%p.slices_per_block)*p.slice_cols;
let end=min(p.cols,min((block+1u)*p.block_cols,begin+p.slice_cols));
let lanes=select(p.lanes_off,p.lanes_on,diagonal);
let chunk=select(p.chunk_off,p.chunk_on,diagonal);
let blocks=select(p.groups*p.groups,p.groups*(p.groups+1u)/2u,diagonal);
let lane=local/blocks;
let number=local%blocks;
var place=vec2u(number/p.groups,number%p.groups);
if diagonal{place=place_in_triangle(number,p.groups);}
let group_a=place.x;
let group_b=place.y;
let place_b=select(HALF,0u,diagonal);
let stages_b= !diagonal&&local>=WG_SIZE/2u;
let task=select(local%(WG_SIZE/2u),local,diagonal);
let task_group=task%p.groups;
let task_col=4u*(task/p.groups);
let task_row=select(tile_a,tile_b,stages_b)*p.side+4u*task_group;
let task_place=select(0u,HALF,stages_b)+task_col*p.groups+task_group;
let rows=vec4u(task_row)+vec4u(0u,1u,2u,3u);
let present=rows<vec4u(p.rows);
let near=min(rows,vec4u(p.rows-1u));
let start=vec4u(starts[near.x],starts[near.y],starts[near.z],starts[near.w]);
let nothing=Terms(vec4u(0u),vec4i(0),vec4u(0u));
var terms_x=nothing;
var terms_y=nothing;
var terms_z=nothing;
var terms_w=nothing;
var sums_x=Sums(vec4u(0u),vec4u(0u));
var sums_y=sums_x;
var sums_z=sums_x;
var sums_w=sums_x;
var runs=0u;
var wide=vec4<bool>();
for(var first=begin;first<end;first+=chunk){
let col=first+task_col;
if task_col<chunk{
var a=vec4u(0u);
var b=vec4u(0u);
var c=vec4u(0u);
var d=vec4u(0u);
if col<end{
let quad=(start+vec4u(col))/vec4u(4u);
let inside=vec4u(col)+vec4u(0u,1u,2u,3u)<vec4u(end);
a=select(vec4u(0u),x[quad.x],inside&vec4<bool>(present.x));
b=select(vec4u(0u),x[quad.y],inside&vec4<bool>(present.y));
c=select(vec4u(0u),x[quad.z],inside&vec4<bool>(present.z));
d=select(vec4u(0u),x[quad.w],inside&vec4<bool>(present.w));
}
let columns=array(
vec4u(a.x,b.x,c.x,d.x),
vec4u(a.y,b.y,c.y,d.y),
vec4u(a.z,b.z,c.z,d.z),
vec4u(a.w,b.w,c.w,d.w),
);
wide|=too_large(columns[0])|too_large(columns[1]);
wide|=too_large(columns[2])|too_large(columns[3]);
sh_rows[task_place] =bitcast<vec4i>(columns[0]);
sh_rows[task_place+p.groups] =bitcast<vec4i>(columns[1]);
sh_rows[task_place+2u*p.groups] =bitcast<vec4i>(columns[2]);
sh_rows[task_place+3u*p.groups] =bitcast<vec4i>(columns[3]);
}
workgroupBarrier();
let width=min(chunk,end-first);
if lane<lanes{
for(var step=lane;step<width;step+=RUN*lanes){
var at=step*p.groups;
for(var k=0u;k<RUN;k++){
let a=sh_rows[at+group_a];
let b=sh_rows[place_b+at+group_b];
at+=lanes*p.groups;
terms_x=with_square(terms_x,vec4i(a.x)-b);
terms_y=with_square(terms_y,vec4i(a.y)-b);
terms_z=with_square(terms_z,vec4i(a.z)-b);
terms_w=with_square(terms_w,vec4i(a.w)-b);
}
runs++;
if runs==RUNS{
sums_x=with_terms(sums_x,terms_x);
sums_y=with_terms(sums_y,terms_y);
sums_z=with_terms(sums_z,terms_z);
sums_w=with_terms(sums_w,terms_w);
terms_x=nothing;
terms_y=nothing;
terms_z=nothing;
terms_w=nothing;
runs=0u;
}
}
}
workgroupBarrier();
}
let tile_at=3u*p.side*p.side*
((block-p.first_slice/p.slices_per_block)*launched.x+group.x);
for(var k=0u;k<4u;k++){
if wide[k]{spoil(tile_at,4u*task_group+k,vec2<bool>(!stages_b,stages_b||diagonal));}
}
if lane>=lanes{return;}
let cells=Place(tile_a*p.side,tile_b*p.side,4u*group_a,4u*group_b,tile_at);
put_row(cells,0u,with_terms(sums_x,terms_x));
put_row(cells,1u,with_terms(sums_y,terms_y));
put_row(cells,2u,with_terms(sums_z,terms_z));
put_row(cells,3u,with_terms(sums_w,terms_w));
}
fn spoil(tile_at:u32,row:u32,sides:vec2<bool>){
for(var other=0u;other<p.side;other++){
if sides.x{atomicOr(&out[tile_at+3u*(row*p.side+other)+2u],WIDE);}
if sides.y{atomicOr(&out[tile_at+3u*(other*p.side+row)+2u],WIDE);}
}
}
struct Place{side_a:u32,side_b:u32,a:u32,b:u32,tile_at:u32}
fn put_row(place:Place,k:u32,sums:Sums){
put_pair(place,vec2u(k,0u),vec2u(sums.low.x,sums.high.x));
put_pair(place,vec2u(k,1u),vec2u(sums.low.y,sums.high.y));
put_pair(place,vec2u(k,2u),vec2u(sums.low.z,sums.high.z));
put_pair(place,vec2u(k,3u),vec2u(sums.low.w,sums.high.w));
}
fn put_pair(place:Place,which:vec2u,sum:vec2u){
let a=place.a+which.x;
let b=place.b+which.y;
if place.side_b+b>=p.rows||place.side_a+a>=place.side_b+b{return;}
put(place.tile_at+3u*(a*p.side+b),sum.x,sum.y);
}
`,
  sum_rows: `${columns}struct Params{rows:u32,cols:u32,stride:u32,groups:u32,each:u32,needs_total:u32}
@group(0)@binding(0)var<storage,read>x:array<vec4u>;
@group(0)@binding(1)var<storage,read>starts:array<u32>;
@group(0)@binding(2)var<storage,read>program:array<u32>;
@group(0)@binding(3)var<storage,read_write>out:array<vec4u>;
@group(0)@binding(4)var<uniform>p:Params;
@compute@workgroup_size(WG_SIZE)
fn sum_rows(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)launched:vec3u,
@builtin(local_invocation_index)local:u32,
){
let quad=column_of(group,launched,local);
if 4u*quad>=p.cols{return;}
var total=vec4u(0u);
if p.needs_total==1u{
for(var row=0u;row<p.rows;row++){total+=x[starts[row] /4u+quad];}
}
let first=group.z*p.each;
for(var k=first;k<min(p.groups,first+p.each);k++){
var sum=total*program[4u*k];
var at=program[4u*k+1u];
let middle=program[4u*k+2u];
let end=program[4u*k+3u];
for(;at<middle;at++){sum+=x[starts[program[at]] /4u+quad];}
for(;at<end;at++){sum-=x[starts[program[at]] /4u+quad];}
out[k*(p.stride/4u)+quad] =sum;
}
}
`,
  widen: `struct Params{begin:u32,quads:u32,brain:u32}
@group(0)@binding(0)var<storage,read>halves:array<vec2u>;
@group(0)@binding(1)var<storage,read_write>out:array<vec4u>;
@group(0)@binding(2)var<uniform>p:Params;
const WG_SIZE:u32=256;
fn widened(half:u32)->u32{
let sign=(half&0x8000u)<<16u;
let rest=half&0x7fffu;
if rest>=0x7c00u{return sign|0x7f800000u|(rest<<13u);}
if rest>=0x0400u{return sign|((rest<<13u)+(112u<<23u));}
if rest==0u{return sign;}
let first=firstLeadingBit(rest);
return sign|((first+103u)<<23u)|((rest<<(23u-first))&0x007fffffu);
}
fn widened_pair(word:u32)->vec2u{
if p.brain==1u{return vec2u(word<<16u,word&0xffff0000u);}
return vec2u(widened(word&0xffffu),widened(word>>16u));
}
@compute@workgroup_size(WG_SIZE)
fn widen(
@builtin(workgroup_id)group:vec3u,
@builtin(num_workgroups)groups:vec3u,
@builtin(local_invocation_index)local:u32,
){
let quad=(group.y*groups.x+group.x)*WG_SIZE+local;
if quad>=p.quads{return;}
let words=halves[quad];
out[p.begin+quad] =vec4u(widened_pair(words.x),widened_pair(words.y));
}
`,
};
