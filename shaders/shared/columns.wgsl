// columns — one invocation owns one column; groups are counted over two dimensions, since one ends at
// 65,535.

override WG_SIZE: u32 = 64;

fn column_of(group: vec3u, groups: vec3u, local: u32) -> u32 {
    return (group.y * groups.x + group.x) * WG_SIZE + local;
}
