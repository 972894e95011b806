//! Columns of segments: numbers in as few bytes as hold them all.

use crate::store::sqlite::failure::Failure;
use std::ops::Range;

/// The cells of a column, some rows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cells {
    /// The same in every row.
    All(i64),
    /// One for each row.
    Each(Vec<i64>),
}

impl Cells {
    /// The number in a row.
    pub(super) fn at(&self, row: usize) -> i64 {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values.get(row).copied().unwrap_or_default(),
        }
    }
}

/// Packs a column: how many bytes each difference to the smallest number takes (0, 1, 2, 4 or 8), that number, and the differences.
pub(super) fn pack(values: &[i64]) -> Vec<u8> {
    let (least, most) =
        (values.iter().min().copied().unwrap_or_default(), values.iter().max().copied().unwrap_or_default());
    let differences = values.iter().map(|value| value.wrapping_sub(least).cast_unsigned());
    let width: u8 = match most.wrapping_sub(least).cast_unsigned() {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    let mut bytes = Vec::with_capacity(9 + values.len() * usize::from(width));
    bytes.push(width);
    bytes.extend_from_slice(&least.to_le_bytes());
    for difference in differences {
        bytes.extend(difference.to_le_bytes().iter().take(usize::from(width)));
    }
    bytes
}

/// Reads some rows of a packed column.
pub(super) fn unpack(bytes: &[u8], rows: &Range<usize>) -> Result<Cells, Failure> {
    let unreadable = || Failure::Unreadable("a column of facts does not read".into());
    let (&width, rest) = bytes.split_first().ok_or_else(unreadable)?;
    let (least, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
    let least = i64::from_le_bytes(*least);
    let bytes_of = usize::from(width);
    let cells = rest.get(rows.start * bytes_of..rows.end * bytes_of).ok_or_else(unreadable)?;
    // Spelt out for each width, so that each is a tight loop.
    Ok(match width {
        0 => Cells::All(least),
        1 => Cells::Each(cells.iter().map(|byte| least.wrapping_add(i64::from(*byte))).collect()),
        2 => Cells::Each(each(cells, |bytes| least.wrapping_add(i64::from(u16::from_le_bytes(bytes))))),
        4 => Cells::Each(each(cells, |bytes| least.wrapping_add(i64::from(u32::from_le_bytes(bytes))))),
        8 => Cells::Each(each(cells, |bytes| least.wrapping_add(i64::from_le_bytes(bytes)))),
        _ => return Err(unreadable()),
    })
}

fn each<const WIDTH: usize>(cells: &[u8], value: impl Fn([u8; WIDTH]) -> i64) -> Vec<i64> {
    cells.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &[i64], rows: Range<usize>) -> Vec<i64> {
        let cells = unpack(&pack(values), &rows).expect("a column");
        (0..rows.len()).map(|row| cells.at(row)).collect()
    }

    #[test]
    fn a_column_takes_as_few_bytes_as_hold_it() {
        let bytes = |values: &[i64]| pack(values).len() - 9;
        assert_eq!((bytes(&[7, 7]), bytes(&[-5, 250]), bytes(&[0, 256])), (0, 2, 4));
        assert_eq!((bytes(&[0, 65_536]), bytes(&[i64::MIN, i64::MAX]), bytes(&[])), (8, 16, 0));
    }

    #[test]
    fn a_column_that_is_too_short_is_an_error() {
        let mut bytes = pack(&[1, 2, 3]);
        assert!(unpack(&bytes, &(0..4)).is_err());
        bytes.pop();
        assert!(unpack(&bytes, &(0..3)).is_err());
        assert!(unpack(&bytes, &(0..2)).is_ok());
        assert!(unpack(&[], &(0..0)).is_err());
        assert!(unpack(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1], &(0..1)).is_err());
    }

    proptest! {
        #[test]
        fn a_column_is_read_as_it_was_packed(
            values in prop::collection::vec(prop_oneof![0i64..3, -200i64..200, 0i64..100_000, any::<i64>()], 1..40),
            from in 0usize..40,
        ) {
            let from = from.min(values.len());
            prop_assert_eq!(read(&values, from..values.len()), &values[from..]);
            prop_assert_eq!(read(&values, 0..from), &values[..from]);
        }
    }
}
