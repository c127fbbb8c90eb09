// Shape: S3 events with their times, an image made smaller in /tmp.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type thumbnail struct {
	Key    string    `json:"key"`
	Made   time.Time `json:"made"`
	Width  int       `json:"width"`
	Height int       `json:"height"`
}

func handle(event events.S3Event) ([]thumbnail, error) {
	made := []thumbnail{}
	for _, record := range event.Records {
		size, err := shrink(record.S3.Object.Size)
		if err != nil {
			return nil, err
		}
		made = append(made, thumbnail{
			record.S3.Object.URLDecodedKey, record.EventTime.Add(time.Hour), size.X, size.Y,
		})
	}
	return made, nil
}

// shrink keeps every fourth pixel of an image by way of a file.
func shrink(seed int64) (image.Point, error) {
	small := image.NewRGBA(image.Rect(0, 0, 64/4, 32/4))
	for x := range small.Rect.Dx() {
		small.Set(x, 0, color.Gray{Y: uint8(seed)})
	}
	file, err := os.CreateTemp("/tmp", "thumbnail-*.png")
	if err != nil {
		return image.Point{}, fmt.Errorf("no room for a thumbnail: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := png.Encode(file, small); err != nil {
		return image.Point{}, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return image.Point{}, err
	}
	read, err := png.DecodeConfig(file)
	return image.Pt(read.Width, read.Height), err
}

func main() {
	lambda.Start(handle)
}
