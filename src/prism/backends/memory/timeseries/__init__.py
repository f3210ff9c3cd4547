"""TimeSeries in memory."""
