raise ArgumentError, 'not today'
