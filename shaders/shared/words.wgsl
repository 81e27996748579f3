// words — integers with a sign, in two's complement, as keys that are ordered as the integers are.

const SIGN: u32 = 0x80000000u;

// The key of a word, and the word of a key.
fn flipped(word: u32) -> u32 {
    return word ^ SIGN;
}
