// triangle — places on and above the diagonal of a square, counted along its rows.

// Row and column of a place in a square of so many rows.
fn place_in_triangle(number: u32, width: u32) -> vec2u {
    var row = 0u;
    var rest = number;
    while rest >= width - row {
        rest -= width - row;
        row++;
    }
    return vec2u(row, row + rest);
}
