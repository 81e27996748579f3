// chacha20 — the block function of RFC 8439 on the four rows of a state, a row in a vector: a round
// works on four columns at once, and on diagonals after turning the rows.

struct ChaCha { a: vec4u, b: vec4u, c: vec4u, d: vec4u }

fn rotated(words: vec4u, left: u32) -> vec4u {
    return (words << vec4u(left)) | (words >> vec4u(32u - left));
}

fn four_quarter_rounds(state: ChaCha) -> ChaCha {
    var s = state;
    s.a += s.b;
    s.d = rotated(s.d ^ s.a, 16u);
    s.c += s.d;
    s.b = rotated(s.b ^ s.c, 12u);
    s.a += s.b;
    s.d = rotated(s.d ^ s.a, 8u);
    s.c += s.d;
    s.b = rotated(s.b ^ s.c, 7u);
    return s;
}

fn chacha20_block(state: ChaCha) -> ChaCha {
    var s = state;
    for (var round = 0u; round < 20u; round += 2u) {
        s = four_quarter_rounds(s);
        s = four_quarter_rounds(ChaCha(s.a, s.b.yzwx, s.c.zwxy, s.d.wxyz));
        s = ChaCha(s.a, s.b.wxyz, s.c.zwxy, s.d.yzwx);
    }
    return ChaCha(s.a + state.a, s.b + state.b, s.c + state.c, s.d + state.d);
}
