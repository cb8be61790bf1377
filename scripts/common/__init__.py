"""What every command needs: how it fails, stops, waits and shows progress, and where things lie."""
