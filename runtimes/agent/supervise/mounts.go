package supervise

// Mount has Source seen at Place as well, with all that is mounted below it.
type Mount struct {
	Source   string `json:"source"`
	Place    string `json:"place"`
	ReadOnly bool   `json:"readOnly"`
}
