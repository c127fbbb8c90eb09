"""What the API server does with our objects; needs the CRDs and no running release."""
