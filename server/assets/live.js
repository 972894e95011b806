// Today: shows what arrives as it arrives.
