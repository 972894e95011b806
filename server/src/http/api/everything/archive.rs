//! The ZIP file, written to memory part by part and taken from there as it grows.

use super::Trouble;
use axum::body::Bytes;
use jiff::Timestamp;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What was written and not yet taken.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> io::Result<Bytes> {
        let mut written = self.0.lock().map_err(|_| io::Error::other("a part was given up halfway"))?;
        Ok(Bytes::from(std::mem::take(&mut *written)))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().map_err(|_| io::Error::other("a part was given up halfway"))?;
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A ZIP file that is being made. Where it is dropped before [`Archive::finish`], nobody gets to see its directory.
pub(super) struct Archive {
    // Only away while a part is written on another thread.
    zip: Option<ZipWriter<StreamWriter<Written>>>,
    written: Written,
    at: DateTime,
}

impl Archive {
    /// An empty one, made at this time.
    pub(super) fn new(at: Timestamp) -> Self {
        let written = Written::default();
        let zip = Some(ZipWriter::new_stream(written.clone()));
        Self { zip, written, at: date(at).unwrap_or_default() }
    }

    /// Ends the file before and begins another; `is_large` where it may come to more than 4 GB. Of one that may, every program that opens
    /// it has to know Zip64.
    pub(super) async fn begin(&mut self, name: &'static str, is_large: bool) -> Result<Bytes, Trouble> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(self.at)
            .large_file(is_large);
        self.work(move |zip| zip.start_file(name, options).map_err(io::Error::from)).await
    }

    /// Writes to the file that was begun last, away from the threads that answer requests; what there is to be sent then.
    pub(super) async fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Result<Bytes, Trouble> {
        self.work(move |zip| write(zip)).await
    }

    async fn work(
        &mut self,
        work: impl FnOnce(&mut ZipWriter<StreamWriter<Written>>) -> io::Result<()> + Send + 'static,
    ) -> Result<Bytes, Trouble> {
        let mut zip = self.zip.take().ok_or_else(ended)?;
        let done = tokio::task::spawn_blocking(move || work(&mut zip).map(|()| zip)).await;
        self.zip = Some(done.map_err(io::Error::other)??);
        Ok(self.written.take()?)
    }

    /// Ends the last file and writes the directory, without which no program takes the file for a whole one.
    pub(super) async fn finish(&mut self) -> Result<Bytes, Trouble> {
        let zip = self.zip.take().ok_or_else(ended)?;
        let done = tokio::task::spawn_blocking(move || zip.finish().map(drop)).await;
        done.map_err(io::Error::other)?.map_err(io::Error::from)?;
        Ok(self.written.take()?)
    }
}

fn ended() -> Trouble {
    Trouble::Written(io::Error::other("the file has ended"))
}

/// A time as ZIP files hold it, in UTC; there is none before 1980.
fn date(at: Timestamp) -> Option<DateTime> {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let of = |number: i8| u8::try_from(number).ok();
    let (month, day, hour) = (of(at.month())?, of(at.day())?, of(at.hour())?);
    let (minute, second) = (of(at.minute())?, of(at.second())?);
    DateTime::from_date_and_time(u16::try_from(at.year()).ok()?, month, day, hour, minute, second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};
    use zip::ZipArchive;

    async fn made(is_large: bool) -> Vec<u8> {
        let mut archive = Archive::new(Timestamp::from_second(1_800_000_000).expect("a time"));
        let mut file = archive.begin("a.txt", is_large).await.expect("begun").to_vec();
        file.extend(archive.write(|out| out.write_all(b"first ")).await.expect("written"));
        file.extend(archive.write(|out| out.write_all("zwölf".as_bytes())).await.expect("written"));
        file.extend(archive.begin("b.txt", false).await.expect("begun"));
        file.extend(archive.finish().await.expect("finished"));
        file
    }

    #[tokio::test]
    async fn what_was_written_in_parts_is_read_as_files() {
        for is_large in [false, true] {
            let mut read = ZipArchive::new(Cursor::new(made(is_large).await)).expect("a ZIP file");
            let mut text = String::new();
            read.by_name("a.txt").expect("the file").read_to_string(&mut text).expect("text");
            assert_eq!(text, "first zwölf");
            let date = read.by_name("b.txt").expect("the file").last_modified().expect("a date");
            assert_eq!((date.year(), date.month(), date.day()), (2027, 1, 15));
        }
    }

    #[tokio::test]
    async fn a_file_that_may_be_large_says_so_and_others_do_not() {
        let version = |file: &[u8]| u16::from_le_bytes([file[4], file[5]]);
        assert_eq!((version(&made(false).await), version(&made(true).await)), (20, 45));
    }

    #[tokio::test]
    async fn one_that_is_not_finished_has_no_directory() {
        let mut archive = Archive::new(Timestamp::from_second(0).expect("a time"));
        let mut file = archive.begin("a.txt", false).await.expect("begun").to_vec();
        file.extend(archive.write(|out| out.write_all(&[b'x'; 100_000])).await.expect("written"));
        drop(archive);
        assert!(ZipArchive::new(Cursor::new(file)).is_err());
    }

    #[tokio::test]
    async fn a_part_that_fails_ends_the_file() {
        let mut archive = Archive::new(Timestamp::from_second(0).expect("a time"));
        archive.begin("a.txt", false).await.expect("begun");
        assert!(archive.write(|_| Err(io::Error::other("no"))).await.is_err());
        assert!(archive.finish().await.is_err(), "nothing makes it look whole");
    }
}
