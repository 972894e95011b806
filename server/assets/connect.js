// Connect: waits for the first real postback.
