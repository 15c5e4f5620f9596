//! The choice of the mask that makes a symbol easiest to read, by the penalties of ISO/IEC 18004, 7.8.3.1.
//!
//! A row or a column is one number: bit `n` is its `n`th module, set if it is dark. So a few shifts score a line, and
//! one exclusive or applies a mask.

use qrcode::canvas::{Canvas, MaskPattern, Module};

/// Whether a mask inverts the module in row `i`, column `j`.
type Condition = fn(u32, u32) -> bool;

/// The eight masks and their conditions (table 10).
const MASKS: [(MaskPattern, Condition); 8] = [
    (MaskPattern::Checkerboard, |i, j| (i + j) % 2 == 0),
    (MaskPattern::HorizontalLines, |i, _| i % 2 == 0),
    (MaskPattern::VerticalLines, |_, j| j % 3 == 0),
    (MaskPattern::DiagonalLines, |i, j| (i + j) % 3 == 0),
    (MaskPattern::LargeCheckerboard, |i, j| (i / 2 + j / 3) % 2 == 0),
    (MaskPattern::Fields, |i, j| (i * j) % 2 + (i * j) % 3 == 0),
    (MaskPattern::Diamonds, |i, j| ((i * j) % 2 + (i * j) % 3) % 2 == 0),
    (MaskPattern::Meadow, |i, j| ((i + j) % 2 + (i * j) % 3) % 2 == 0),
];

/// The period of every mask in modules, in both directions.
const PERIOD: u32 = 12;

/// The mask with the lowest penalty. The symbol is complete except for its mask, and at most 125 modules wide.
///
/// The modules that name the mask count as light here. They are drawn together with it, and rarely change the result.
pub(super) fn best(canvas: &Canvas, width: i16) -> MaskPattern {
    let rows = Lines::read(width, |row, column| canvas.get(column, row));
    let columns = Lines::read(width, |column, row| canvas.get(column, row));
    let penalty =
        |inverts: Condition| penalty(&rows.masked(inverts), &columns.masked(|column, row| inverts(row, column)));
    let lowest = MASKS.iter().min_by_key(|(_, inverts)| penalty(*inverts));
    lowest.map_or(MaskPattern::Checkerboard, |(pattern, _)| *pattern)
}

/// A symbol's rows, or its columns.
struct Lines {
    dark: Vec<u128>,
    /// The modules that a mask applies to: data and error correction.
    maskable: Vec<u128>,
}

impl Lines {
    fn read(width: i16, module: impl Fn(i16, i16) -> Module) -> Self {
        let line = |number: i16| {
            (0..width).rev().fold((0, 0), |(dark, maskable), position| {
                let module = module(number, position);
                let is_maskable = matches!(module, Module::Unmasked(_));
                (dark << 1 | u128::from(module.is_dark()), maskable << 1 | u128::from(is_maskable))
            })
        };
        let (dark, maskable) = (0..width).map(line).unzip();
        Self { dark, maskable }
    }

    fn masked(&self, inverts: impl Fn(u32, u32) -> bool) -> Vec<u128> {
        let mask = |line: u32| {
            let period = (0..PERIOD).rev().fold(0, |mask, position| mask << 1 | u128::from(inverts(line, position)));
            (0..u128::BITS).step_by(PERIOD as usize).fold(0, |mask, start| mask | period << start)
        };
        let masks: Vec<u128> = (0..PERIOD).map(mask).collect();
        let lines = self.dark.iter().zip(&self.maskable).zip(masks.iter().cycle());
        lines.map(|((dark, maskable), mask)| dark ^ (maskable & mask)).collect()
    }
}

fn penalty(rows: &[u128], columns: &[u128]) -> u32 {
    let lines = rows.iter().chain(columns).map(|line| runs(*line, rows.len()) + finders(*line)).sum::<u32>();
    lines + blocks(rows) + imbalance(rows)
}

/// The modules of a line that equal the next one.
fn alike(line: u128, width: usize) -> u128 {
    !(line ^ line >> 1) & !(u128::MAX << (width - 1))
}

/// N1: a run of five equal modules costs 3, and each further module 1.
fn runs(line: u128, width: usize) -> u32 {
    let alike = alike(line, width);
    let fives = alike & alike >> 1 & alike >> 2 & alike >> 3;
    let begins = fives & !(fives << 1);
    2 * begins.count_ones() + fives.count_ones()
}

/// N2: each square of two by two equal modules costs 3.
fn blocks(rows: &[u128]) -> u32 {
    let pairs = rows.iter().zip(rows.iter().skip(1));
    3 * pairs
        .map(|(upper, lower)| alike(*upper, rows.len()) & alike(*lower, rows.len()) & !(upper ^ lower))
        .map(u128::count_ones)
        .sum::<u32>()
}

/// N3: a pattern that looks like a finder, dark and light as 1:1:3:1:1 with four light modules before or after it,
/// costs 40. Modules beyond the edge are light.
fn finders(line: u128) -> u32 {
    let patterns = line & !(line >> 1) & line >> 2 & line >> 3 & line >> 4 & !(line >> 5) & line >> 6;
    let dark_before = line << 1 | line << 2 | line << 3 | line << 4;
    let dark_after = line >> 7 | line >> 8 | line >> 9 | line >> 10;
    40 * (patterns & !(dark_before & dark_after)).count_ones()
}

/// N4: each full 5 % between the share of dark modules and one half costs 10.
fn imbalance(rows: &[u128]) -> u32 {
    let dark = rows.iter().map(|row| row.count_ones()).sum::<u32>();
    let modules = u32::try_from(rows.len() * rows.len()).unwrap_or(u32::MAX);
    10 * ((20 * dark).abs_diff(10 * modules) / modules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qrcode::{EcLevel, Version};

    /// The penalty as the standard defines it, module by module.
    fn by_the_book(symbol: &[Vec<bool>]) -> u32 {
        let width = symbol.len();
        let mut penalty = 0;
        for line in symbol.iter().chain(&transposed(symbol)) {
            for run in line.chunk_by(|a, b| a == b).filter(|run| run.len() >= 5) {
                penalty += u32::try_from(run.len()).unwrap() - 2;
            }
            let text = |window: &[bool]| window.iter().map(|dark| if *dark { '#' } else { '.' }).collect::<String>();
            let padded = [vec![false; 4], line.clone(), vec![false; 4]].concat();
            let found = padded.windows(15).map(text).filter(|window| {
                window[4..11] == *"#.###.#" && (window.starts_with("....") || window.ends_with("...."))
            });
            penalty += 40 * u32::try_from(found.count()).unwrap();
        }
        for pair in symbol.windows(2) {
            for x in 1..width {
                let block = [pair[0][x - 1], pair[0][x], pair[1][x - 1], pair[1][x]];
                penalty += if block.iter().all(|dark| *dark == block[0]) { 3 } else { 0 };
            }
        }
        let (dark, all) = (symbol.iter().flatten().filter(|dark| **dark).count(), width * width);
        let steps_of_five_percent = (100 * dark).abs_diff(50 * all) / (5 * all);
        penalty + 10 * u32::try_from(steps_of_five_percent).unwrap()
    }

    fn lines(symbol: &[Vec<bool>]) -> Vec<u128> {
        symbol.iter().map(|row| row.iter().rev().fold(0, |line, dark| line << 1 | u128::from(*dark))).collect()
    }

    fn transposed(symbol: &[Vec<bool>]) -> Vec<Vec<bool>> {
        (0..symbol.len()).map(|x| symbol.iter().map(|row| row[x]).collect()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn the_penalty_equals_the_definition_in_the_standard(
            symbol in (0..27_usize).prop_flat_map(|version| {
                let width = 21 + 4 * version;
                prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.6), width), width)
            })
        ) {
            prop_assert_eq!(penalty(&lines(&symbol), &lines(&transposed(&symbol))), by_the_book(&symbol));
        }
    }

    #[test]
    fn each_penalty_rule_gives_the_points_of_the_standard() {
        assert_eq!(runs(0b0_1111_0000_1111, 13), 0);
        assert_eq!(runs(0b11111, 21), 3 + 3 + 11, "five dark, then sixteen light");
        assert_eq!(finders(0b101_1101), 40, "at the edge");
        assert_eq!(finders(0b1_0101_1101_0001), 0, "three light before, one after");
        assert_eq!(finders(0b1_0101_1101_0000), 40, "four light before, one after");
        assert_eq!(blocks(&[0b011, 0b011, 0b011]), 6);
        assert_eq!(imbalance(&[0b1111, 0b1111, 0, 0]), 0);
        assert_eq!(imbalance(&[0b1111, 0b1111, 0b1111, 0]), 50);
    }

    #[test]
    fn the_computed_masks_equal_those_of_the_qrcode_crate() {
        let version = Version::Normal(5);
        let mut canvas = Canvas::new(version, EcLevel::M);
        canvas.draw_all_functional_patterns();
        canvas.draw_data(&[0x5a; 86], &[0xc3; 48]);
        let rows = Lines::read(version.width(), |row, column| canvas.get(column, row));
        for (pattern, inverts) in MASKS {
            let mut drawn = canvas.clone();
            drawn.apply_mask(pattern);
            for (row, masked) in (0..version.width()).zip(rows.masked(inverts)) {
                for column in 0..version.width() {
                    if matches!(canvas.get(column, row), Module::Unmasked(_)) {
                        assert_eq!(
                            masked >> column & 1 == 1,
                            drawn.get(column, row).is_dark(),
                            "{pattern:?} {row} {column}"
                        );
                    }
                }
            }
        }
    }
}
